// `stepwell status`: a run's head, a line for each step, and what to look at.

import { describeFailure } from "../../proto/failure.ts";
import type { RunView, StepView, TaskView } from "../../proto/view.ts";
import { formatCount } from "../format/count.ts";
import { formatDuration } from "../format/duration.ts";
import { tableLines, type Column } from "../format/table.ts";
import { formatClock, type TimeZone } from "../format/time.ts";
import { placeOf, placeText, type SourcePath } from "../source-path.ts";
import type { Paint } from "../terminal.ts";
import { memoryAdvice } from "./memory-advice.ts";
import { goOnLine, isInterrupted, statusText } from "./runs-table.ts";

export type StatusLook = { readonly paint: Paint; readonly nowMs: number; readonly zone: TimeZone; readonly path: SourcePath };

const columns: readonly Column[] = [
  { title: "STEP" },
  { title: "STATUS" },
  { title: "DONE/TOTAL", align: "right" },
  { title: "FAILED", align: "right" },
  { title: "RETRIED", align: "right" },
  { title: "P50", align: "right" },
  { title: "P95", align: "right" },
  { title: "MAX", align: "right" },
];

export function statusLines(view: RunView, look: StatusLook): readonly string[] {
  const table = tableLines(
    columns,
    view.steps.map((step) => stepRow(step, look.paint)),
  );
  const left = isInterrupted(view) ? [goOnLine(view)] : [];
  return [headLine(view, look), ...table, ...footLines(view, look), ...memoryAdvice(view), ...left];
}

function headLine(view: RunView, { paint, nowMs }: StatusLook): string {
  const parts = [
    paint.bold(view.run),
    statusText(view, paint),
    ...(isInterrupted(view) ? [] : [formatDuration((view.finishedAtMs ?? nowMs) - view.submittedAtMs)]),
    ` by ${view.user}`,
    ...(view.originRun === null ? [] : [` resumes ${view.originRun}`]),
    ...(view.tags.length === 0 ? [] : [` tags ${view.tags.join(",")}`]),
    ` code ${view.codePackage.slice(0, 7)}`,
  ];
  return parts.join("  ");
}

function stepRow(step: StepView, paint: Paint): readonly string[] {
  const { counts } = step;
  const begun = counts.running + counts.succeeded + counts.failed + counts.cancelled > 0 || step.startedAtMs !== null;
  const total = step.total === null ? "?" : String(step.total);
  const times = step.maxMs === 0 || step.total === 1 ? [step.p50Ms] : [step.p50Ms, step.p95Ms, step.maxMs];
  return [
    step.step,
    stepStatus(step, begun, paint),
    `${counts.succeeded}/${total}`,
    begun ? (counts.failed > 0 ? paint.red(formatCount(counts.failed)) : "0") : "-",
    begun ? formatCount(counts.retried) : "-",
    ...times.map((ms) => (ms === null ? "" : formatDuration(ms))),
  ];
}

/** Always a word: colours only repeat it. */
function stepStatus(step: StepView, begun: boolean, paint: Paint): string {
  const { counts } = step;
  if (counts.running + (begun ? counts.ready : 0) > 0) return paint.cyan("running");
  if (counts.failed > 0) return paint.red("failed");
  if (counts.cancelled > 0) return paint.yellow("cancelled");
  if (!begun) return "not run";
  const complete = step.total !== null && counts.succeeded >= step.total;
  if (!complete) return "waiting";
  return counts.reused > 0 && counts.reused === counts.succeeded ? paint.green("reused") : paint.green("ok");
}

function footLines(view: RunView, { zone, paint, path }: StatusLook): readonly string[] {
  const slow = view.steps
    .filter((step) => step.slowest !== null && step.total !== 1)
    .toSorted((a, b) => (b.maxMs ?? 0) - (a.maxMs ?? 0))[0];
  const first = view.firstFailure;
  const { succeeded, caught } = view.counts;
  const parts = [
    ...(caught === 0 ? [] : [`${formatCount(succeeded)} ok · ${formatCount(caught)} caught`]),
    ...(slow === undefined ? [] : [`slowest ${slow.slowest} ${formatDuration(slow.maxMs ?? 0)}`]),
    ...(first === null ? [] : [`first failure ${first.task} ${formatClock(first.atMs, zone)}`]),
  ];
  const place = first === null ? null : placeOf(first.failure, path);
  const cause = first === null ? [] : [`${paint.red(describeFailure(first.failure))}${place === null ? "" : `  ${placeText(place)}`}`];
  return [...(parts.length === 0 ? [] : [parts.join(" · ")]), ...cause];
}

const taskColumns: readonly Column[] = [
  { title: "TASK" },
  { title: "STATUS" },
  { title: "ATTEMPTS", align: "right" },
  { title: "DURATION", align: "right" },
  { title: "WORKER" },
  { title: "FAILURE" },
];

export function tasksTable(tasks: readonly TaskView[], look: StatusLook): readonly string[] {
  return tableLines(
    taskColumns,
    tasks.map((task) => {
      const last = task.attempts.at(-1);
      const durationMs = last === undefined ? null : (last.finishedAtMs ?? look.nowMs) - last.startedAtMs;
      const failure = task.attempts.findLast((attempt) => attempt.failure !== null)?.failure ?? null;
      return [
        task.task,
        taskStatus(task, look.paint),
        task.reusedFrom === null ? String(task.attempts.length) : "-",
        durationMs === null ? "-" : formatDuration(durationMs),
        last?.worker ?? "-",
        failure === null ? "-" : (describeFailure(failure).split("\n")[0] ?? ""),
      ];
    }),
  );
}

function taskStatus(task: TaskView, paint: Paint): string {
  if (task.reusedFrom !== null) return `${paint.green("reused")} from ${task.reusedFrom}`;
  if (task.caught) return paint.yellow("caught");
  if (task.status === "failed") return paint.red("failed");
  return task.status === "succeeded" ? paint.green("ok") : task.status;
}
