// `stepwell status`: a run at one moment, or followed to its end.

import type { TasksQuery } from "../../proto/control.ts";
import type { HealthView } from "../../proto/health.ts";
import type { RunView, TaskView } from "../../proto/view.ts";
import { exitCodes, type ExitCode } from "../cli-error.ts";
import { printDocument, printLines, printNote, wantsJson, type Context } from "../context.ts";
import { formatCount } from "../format/count.ts";
import { followRun } from "../follow-run.ts";
import type { Reader } from "../reader.ts";
import { reading } from "../reading.ts";
import { sourcePathOf } from "../source-path.ts";
import { healthDocuments, healthLines, troubled } from "../render/health-lines.ts";
import { statusDocument } from "../render/run-document.ts";
import { statusLines, tasksTable } from "../render/status-lines.ts";
import { waitDocuments, waitLines } from "../render/wait-lines.ts";
import { checkStep, resolvePath, viewRun, type Named } from "../run-name.ts";

const tasksDefault = 100;
/** How the coordinator is matters to nobody whose run has ended. */
const wellKnown: HealthView = { ready: true, parts: [] };

export function status(context: Context): Promise<ExitCode> {
  return reading(context, async (local) => {
    const named = await resolvePath(context.operands[0] ?? "", { control: local.control, namespace: context.settings.namespace });
    const view = await viewRun(named.run, local.control);
    if (named.within.step !== undefined) checkStep(view, named.within.step);
    if (context.options.flag("watch") && view.finishedAtMs === null) return followRun(context, local, { run: view.run, logs: "none" });
    await show(context, local, { view, named });
    return context.options.flag("exit-status") && view.status !== "succeeded" ? exitCodes.runFailed : exitCodes.ok;
  });
}

async function show(context: Context, local: Reader, { view, named }: { view: RunView; named: Named }): Promise<void> {
  const tasks = await tasksOf(context, local, named);
  const waits = context.options.flag("why") ? await local.control.waits(view.run) : null;
  const health = view.finishedAtMs === null ? await local.control.health() : wellKnown;
  if (wantsJson(context)) {
    const why = waits === null ? {} : { why: waitDocuments(waits) };
    const trouble = troubled(health).length === 0 ? {} : { trouble: healthDocuments(health) };
    return printDocument(context, { ...statusDocument(view), ...trouble, ...(tasks !== null && { taskList: tasks.items }), ...why });
  }
  if (context.quiet) return printLines(context, tasks === null ? [view.run] : tasks.items.map((task) => `${view.run}/${task.task}`));
  const look = {
    paint: context.terminal.out.paint,
    nowMs: context.nowMs(),
    zone: context.settings.tz,
    path: sourcePathOf(view, { dir: context.settings.dir, cwd: context.cwd }),
  };
  printLines(context, statusLines(view, look));
  printLines(context, healthLines(health, look.zone));
  if (waits !== null) printLines(context, ["", ...waitLines(waits, look.zone)]);
  if (tasks === null) return;
  printLines(context, ["", ...tasksTable(tasks.items, look)]);
  if (tasks.next !== null) {
    const of = tasks.total === null ? "more" : formatCount(tasks.total);
    printNote(
      context,
      `showing ${formatCount(tasks.items.length)} of ${of} tasks; narrow with ${view.run}/STEP or --failed, or raise --limit`,
    );
  }
}

async function tasksOf(
  context: Context,
  { control }: Reader,
  { run, within }: Named,
): Promise<{ readonly items: readonly TaskView[]; readonly next: string | null; readonly total: number | null } | null> {
  if (within.task !== undefined) return { items: [await control.task(run, within.task)], next: null, total: 1 };
  const failed = context.options.flag("failed");
  if (!failed && !context.options.flag("tasks") && within.step === undefined) return null;
  const query: TasksQuery = {
    limit: context.options.integer("limit") ?? tasksDefault,
    ...(within.step !== undefined && { step: within.step }),
    ...(failed && { status: ["failed"] as const }),
  };
  return control.tasks(run, query);
}
