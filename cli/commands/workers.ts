// `stepwell workers`, `worker drain` and `worker inspect`: the workers of the configured coordinator.

import type { Control } from "../../proto/control.ts";
import { batchPool } from "../../proto/shape.ts";
import type { WorkerView } from "../../proto/view.ts";
import { CliError, exitCodes, type ExitCode } from "../cli-error.ts";
import { printDocument, printLines, printNote, wantsJson, type Context } from "../context.ts";
import { endpointOf } from "../endpoint.ts";
import { countOfThings } from "../format/count.ts";
import { parseDuration } from "../format/duration.ts";
import { didYouMean } from "../format/suggestion.ts";
import { packageVersion } from "../package-version.ts";
import { reading } from "../reading.ts";
import { workerLines, workersTable, type ShownWorker, type WorkersLook } from "../render/workers-table.ts";

export function workers(context: Context): Promise<ExitCode> {
  needCoordinator(context);
  return reading(context, async ({ control }) => {
    const found = await withJobs(await control.workers(), control);
    if (wantsJson(context)) printDocument(context, { workers: found }, found);
    else if (context.quiet)
      printLines(
        context,
        found.filter(({ status }) => status !== "lost").map((worker) => worker.worker),
      );
    else {
      if (found.length > 0) printLines(context, workersTable(found, lookOf(context)));
      const busy = found.reduce((sum, worker) => sum + worker.running.length, 0);
      const there = found.filter(({ status }) => status !== "lost");
      const lost = found.length === there.length ? "" : `, ${found.length - there.length} lost`;
      printNote(context, `${countOfThings(there.length, "worker")}, ${countOfThings(busy, "task")} running${lost}`);
    }
    return exitCodes.ok;
  });
}

export function inspectWorker(context: Context): Promise<ExitCode> {
  needCoordinator(context);
  return reading(context, async ({ control }) => {
    for (const found of await withJobs([named(context, await control.workers())], control)) {
      if (wantsJson(context)) printDocument(context, found);
      else printLines(context, workerLines(found, lookOf(context)));
    }
    return exitCodes.ok;
  });
}

export function drainWorker(context: Context): Promise<ExitCode> {
  needCoordinator(context);
  return reading(context, async ({ control }) => {
    const { worker, running } = named(context, await control.workers());
    const withinMs = deadlineOf(context);
    await control.drainWorker(worker, context.settings.user, withinMs);
    if (wantsJson(context)) printDocument(context, { worker, draining: true, running: running.length });
    else {
      printLines(context, [context.quiet ? worker : `${worker}  draining: ${countOfThings(running.length, "task")} to finish`]);
      printNote(context, withinMs === null ? "it leaves when it has none" : "what it has not finished by then runs elsewhere");
    }
    return exitCodes.ok;
  });
}

/** With the jobs of those that were launched. */
async function withJobs(workers: readonly WorkerView[], control: Pick<Control, "launches">): Promise<readonly ShownWorker[]> {
  if (workers.every(({ pool }) => pool !== batchPool)) return workers;
  const jobs = new Map<string, NonNullable<ShownWorker["job"]>>();
  for (const { job, link, count, workers: launched } of await control.launches()) {
    for (const { index, worker } of launched) if (job !== null) jobs.set(worker, { id: count > 1 ? `${job}:${index}` : job, link });
  }
  return workers.map((worker) => {
    const job = jobs.get(worker.worker);
    return job === undefined ? worker : { ...worker, job };
  });
}

/** @throws CliError missing */
function needCoordinator({ settings, env }: Context): void {
  if (endpointOf(settings, env) !== null) return;
  throw new CliError("missing", "this needs a coordinator: without one, the only worker is the run itself", {
    hint: "name it with --coordinator HOST:7420 or STEPWELL_COORDINATOR; `stepwell up` starts one on this machine",
  });
}

/** @throws CliError notFound */
function named({ operands }: Context, found: readonly WorkerView[]): WorkerView {
  const [name = ""] = operands;
  const names = found.map((worker) => worker.worker);
  const worker = found.find((candidate) => candidate.worker === name);
  if (worker !== undefined) return worker;
  const known = names.length === 0 ? "no worker is connected" : `workers: ${names.join(", ")}`;
  throw new CliError("notFound", `there is no worker ${name}`, { hint: didYouMean(name, names) ?? known });
}

/** @throws CliError badValue */
function deadlineOf({ options }: Context): number | null {
  const text = options.text("deadline");
  if (text === undefined) return null;
  const deadlineMs = parseDuration(text);
  if (deadlineMs === null) throw new CliError("badValue", `--deadline expects a duration like 30s, 10m or 2h, not "${text}"`);
  return deadlineMs;
}

function lookOf({ terminal, settings }: Context): WorkersLook {
  return { paint: terminal.out.paint, wide: settings.output === "wide", version: packageVersion() };
}
