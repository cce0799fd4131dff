// What must stay true of stored runs for ever, whatever views show beside it: their status, and of each task its status, its
// attempts, where it went, and the artifacts that it left.

import type { Control } from "../../proto/control.ts";
import type { RunId } from "../../proto/ids.ts";

const limit = 1000;

export type Essence = Readonly<Record<string, object>>;

/** Of all runs, by name. */
export async function essenceOf(control: Control): Promise<Essence> {
  const { items } = await control.runs({ namespace: null, limit });
  const runs = await Promise.all(items.map(async ({ run }) => [run as string, await essenceOfRun(control, run)] as const));
  return Object.fromEntries(runs.toSorted(([one], [other]) => one.localeCompare(other)));
}

async function essenceOfRun(control: Control, run: RunId): Promise<object> {
  const { status, counts, tags, originRun, seq, submittedAtMs, finishedAtMs, result } = await control.run(run);
  const { items } = await control.tasks(run, { limit });
  const tasks = items.map(({ task, status, caught, reusedFrom, attempts, taken, artifacts, parents }) => ({
    task,
    status,
    caught,
    reusedFrom,
    parents,
    taken,
    attempts: attempts.map(({ attempt, lease, outcome, failure }) => ({ attempt, lease, outcome, failure: failure?.kind ?? null })),
    artifacts,
  }));
  const told = { status, counts, tags, originRun, seq, submittedAtMs, finishedAtMs, result, tasks };
  // As it stands in a file.
  return JSON.parse(JSON.stringify(told)) as object;
}
