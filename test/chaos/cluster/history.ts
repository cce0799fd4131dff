// Judges what happened: from a run's events, and from the effects that its steps left in a file. It knows nothing of the
// coordinator's own code but the names of events.
//
// H1. Events are numbered without a gap.
// H2. Each task that the flow must have has one accepted result, and no other task has any.
// H3. An accepted result was begun and ended by somebody: effects at least once.
// H4. What executed was an attempt that the ledger knows.
// H5. An outcome is accepted only for the attempt that was started last, under its lease; leases only rise.

import type { RecordedEvent, RunEvent } from "../../../proto/event.ts";

/** By `task attempt`: how often it began and ended. */
export type Effects = ReadonlyMap<string, { readonly began: number; readonly ended: number }>;

export type Judged = {
  readonly problems: readonly string[];
  readonly tasks: number;
  readonly attempts: number;
  /** Attempts that ended as lost, by kind of failure. */
  readonly failures: Readonly<Record<string, number>>;
  /** Of one task at most: failures that count against the budget for losses. */
  readonly lossesOfTask: number;
  /** Executions beyond one of the same attempt: each under a lease that was given again. */
  readonly repeated: number;
};

export type Expected = {
  readonly tasks: ReadonlyMap<string, "succeeds" | "caught">;
  /** Somebody cancelled it, or asked to: tasks may be missing. */
  readonly cancelled?: boolean;
};

/** Of one run, from lines of `run task attempt what pid`. */
export function effectsOf(lines: readonly string[], run: string): Effects {
  const effects = new Map<string, { began: number; ended: number }>();
  for (const line of lines) {
    const [of, task, attempt, what] = line.split(" ");
    if (of !== run) continue;
    const key = `${task} ${attempt}`;
    const counted = effects.get(key) ?? { began: 0, ended: 0 };
    effects.set(key, counted);
    if (what === "began") counted.began += 1;
    else counted.ended += 1;
  }
  return effects;
}

const infrastructure: ReadonlySet<string> = new Set(["lost", "start", "store"]);

type Started = { readonly attempt: number; readonly lease: number };

export function judge(events: readonly RecordedEvent[], effects: Effects, expected: Expected): Judged {
  const problems: string[] = [];
  const started = new Map<string, Started>();
  const attempts = new Set<string>();
  const accepted = new Map<string, number>();
  const failed = new Map<string, string[]>();
  const failures: Record<string, number> = {};
  events.forEach(({ seq, event }, index) => {
    if (seq !== index + 1) problems.push(`event ${index + 1} has the number ${seq}`);
    if (event.kind === "taskStarted") {
      const last = started.get(event.task);
      if (last !== undefined && event.lease <= last.lease) problems.push(`${event.task}: lease ${event.lease} after ${last.lease}`);
      if (accepted.has(event.task)) problems.push(`${event.task} was started after its result had been accepted`);
      started.set(event.task, event);
      attempts.add(`${event.task} ${event.attempt}`);
    }
    if (event.kind !== "taskSucceeded" && event.kind !== "taskFailed") return;
    problems.push(...underLease(event, started.get(event.task)));
    if (event.kind === "taskSucceeded") accepted.set(event.task, (accepted.get(event.task) ?? 0) + 1);
    else {
      failures[event.failure.kind] = (failures[event.failure.kind] ?? 0) + 1;
      failed.set(event.task, [...(failed.get(event.task) ?? []), event.failure.kind]);
    }
    if (event.kind === "taskSucceeded" && (effects.get(`${event.task} ${event.attempt}`)?.ended ?? 0) === 0)
      problems.push(`${event.task}: attempt ${event.attempt} was accepted, and nobody has executed it`);
  });
  problems.push(...againstExpected({ accepted, failed }, expected));
  const executed = [...effects].map(([key, { began }]) => ({ key, began }));
  if (expected.cancelled !== true)
    for (const { key } of executed) if (!attempts.has(key)) problems.push(`${key} was executed, and the ledger knows no such attempt`);
  const repeated = executed.reduce((sum, { began }) => sum + began - 1, 0);
  const lossesOfTask = Math.max(0, ...[...failed.values()].map((kinds) => kinds.filter((kind) => infrastructure.has(kind)).length));
  return { problems, tasks: accepted.size, attempts: attempts.size, failures, lossesOfTask, repeated };
}

type Outcome = Extract<RunEvent, { kind: "taskSucceeded" | "taskFailed" }>;

function underLease(event: Outcome, started: Started | undefined): readonly string[] {
  if (started !== undefined && started.attempt === event.attempt && started.lease === event.lease) return [];
  const current = started === undefined ? "none was started" : `the current is ${started.attempt} under lease ${started.lease}`;
  return [`${event.task}: ${event.kind} of attempt ${event.attempt} under lease ${event.lease}, and ${current}`];
}

function againstExpected(
  { accepted, failed }: { readonly accepted: ReadonlyMap<string, number>; readonly failed: ReadonlyMap<string, readonly string[]> },
  { tasks, cancelled = false }: Expected,
): readonly string[] {
  const problems: string[] = [];
  for (const [task, fate] of tasks) {
    const times = accepted.get(task) ?? 0;
    if (fate === "caught") {
      if (times > 0) problems.push(`${task} always fails, and ${times} results were accepted`);
      if (!cancelled && failed.get(task)?.includes("userError") !== true) problems.push(`${task} has not failed`);
    } else if (times > 1) problems.push(`${task} was accepted ${times} times`);
    else if (times === 0 && !cancelled) problems.push(`${task} was lost: ${failed.get(task)?.join(", ") ?? "it never failed either"}`);
  }
  for (const task of accepted.keys()) if (!tasks.has(task)) problems.push(`${task} is no task of this flow`);
  return problems;
}
