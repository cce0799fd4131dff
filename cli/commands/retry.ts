// `stepwell retry`: failed and cancelled tasks of a finished run become ready again, in the same run.

import { stepOf, type RunId, type TaskId } from "../../proto/ids.ts";
import { CliError, type ExitCode } from "../cli-error.ts";
import type { Context } from "../context.ts";
import { followRun } from "../follow-run.ts";
import type { LocalReader } from "../local-cluster.ts";
import { reading } from "../reading.ts";
import { checkStep, resolvePath, viewRun } from "../run-name.ts";
import { startCluster } from "./run.ts";

/** Tasks that one command takes up by name. */
const tasksMax = 10_000;

export async function retry(context: Context): Promise<ExitCode> {
  const { run, tasks } = await reading(context, (local) => chosenTasks(context, local));
  return retryInPlace(context, run, tasks);
}

/** `tasks` null means all. Also takes up a run whose process died. */
export async function retryInPlace(context: Context, run: RunId, tasks: readonly TaskId[] | null): Promise<ExitCode> {
  const { user, logs } = context.settings;
  const cluster = await startCluster(context);
  try {
    const { seq } = await cluster.control.run(run);
    await cluster.control.retry(run, user, tasks);
    return await followRun(context, cluster, { run, logs, afterSeq: seq, own: cluster });
  } finally {
    await cluster.close();
  }
}

async function chosenTasks(
  context: Context,
  { control }: LocalReader,
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
