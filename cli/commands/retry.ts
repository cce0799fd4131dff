// `stepwell retry`: failed and cancelled tasks of a finished run become ready again, in the same run.

import { stepOf, type RunId, type TaskId } from "../../proto/ids.ts";
import { CliError, type ExitCode } from "../cli-error.ts";
import { printLines, wantsJson, type Context } from "../context.ts";
import { showDetached, wantsDetach } from "../detached.ts";
import { followRun } from "../follow-run.ts";
import { formatInstant } from "../format/time.ts";
import type { Reader } from "../reader.ts";
import { reading } from "../reading.ts";
import { isInterrupted } from "../render/runs-table.ts";
import { checkStep, resolvePath, viewRun } from "../run-name.ts";
import { startCluster } from "../start-cluster.ts";

/** Tasks that one command takes up by name. */
const tasksMax = 10_000;

export async function retry(context: Context): Promise<ExitCode> {
  const { run, tasks } = await reading(context, (local) => chosenTasks(context, local));
  return retryInPlace(context, run, tasks);
}

/** `tasks` null means all. Also takes up a run whose process died. */
export async function retryInPlace(context: Context, run: RunId, tasks: readonly TaskId[] | null): Promise<ExitCode> {
  const { user, logs } = context.settings;
  const detached = wantsDetach(context);
  const cluster = await startCluster(context.settings, context.env, detached);
  try {
    const before = await cluster.control.run(run);
    const sinceMs = context.nowMs();
    await cluster.control.retry(run, { by: user }, tasks);
    if (detached) return showDetached(context, run);
    await cluster.join(run);
    // No event tells that: the run never ended.
    if (isInterrupted(before)) printGoesOn(context, run, sinceMs);
    return await followRun(context, cluster, { run, logs, afterSeq: before.seq, sinceMs, own: cluster });
  } finally {
    await cluster.close();
  }
}

function printGoesOn(context: Context, run: RunId, atMs: number): void {
  if (wantsJson(context) || context.quiet) return;
  const { user } = context.settings;
  const { live, paint } = context.terminal.out;
  const line = `${paint.cyan("▶")} ${paint.bold(run)}  goes on, asked by ${user}`;
  printLines(context, [live ? line : `${formatInstant(atMs)} ${run} run goes on by=${JSON.stringify(user)}`]);
}

async function chosenTasks(
  context: Context,
  { control }: Reader,
): Promise<{ readonly run: RunId; readonly tasks: readonly TaskId[] | null }> {
  const { run, within } = await resolvePath(context.operands[0] ?? "", { control, namespace: context.settings.namespace });
  const view = await viewRun(run, control);
  if (within.task !== undefined) {
    checkStep(view, stepOf(within.task));
    return { run, tasks: [(await control.task(run, within.task)).task] };
  }
  const step = within.step ?? context.options.text("step");
  if (step === undefined) return { run, tasks: null };
  checkStep(view, step);
  const node = view.graph.steps.find((candidate) => candidate.name === step);
  const page = await control.tasks(run, {
    ...(node !== undefined && { step: node.name }),
    status: ["failed", "cancelled"],
    limit: tasksMax,
  });
  if (page.items.length === 0)
    throw new CliError("conflict", `${run}/${step} has no failed or cancelled task`, { hint: `see stepwell status ${run} --tasks` });
  return { run, tasks: page.items.map((task) => task.task) };
}
