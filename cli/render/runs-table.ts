// `stepwell runs`: a line for each run, newest first.

import { unreachable } from "../../proto/unreachable.ts";
import type { RunStatus } from "../../proto/event.ts";
import type { ListedRun, TaskCounts } from "../../proto/view.ts";
import { formatCount } from "../format/count.ts";
import { formatDuration } from "../format/duration.ts";
import { tableLines, type Column } from "../format/table.ts";
import { formatStarted, type TimeZone } from "../format/time.ts";
import type { Paint } from "../terminal.ts";

export type TableLook = { readonly paint: Paint; readonly nowMs: number; readonly zone: TimeZone; readonly wide: boolean };

export function runsTable(runs: readonly ListedRun[], look: TableLook): readonly string[] {
  const columns: readonly Column[] = [
    { title: "STATUS" },
    { title: "RUN" },
    { title: "USER" },
    { title: "STARTED" },
    { title: "DURATION", align: "right" },
    { title: "TASKS" },
    { title: "TAGS" },
    ...(look.wide ? [{ title: "NAMESPACE" }, { title: "ORIGIN" }] : []),
  ];
  const rows = runs.map((run) => [
    statusText(run, look.paint),
    run.run,
    run.user,
    formatStarted(run.submittedAtMs, look),
    isInterrupted(run) ? "-" : formatDuration((run.finishedAtMs ?? look.nowMs) - run.submittedAtMs),
    tasksText(run.counts),
    run.tags.length === 0 ? "-" : run.tags.join(","),
    ...(look.wide ? [run.namespace, run.originRun ?? "-"] : []),
  ]);
  return tableLines(columns, rows);
}

/** Unfinished, and the process that ran it is gone. */
export function isInterrupted(run: ListedRun): boolean {
  return run.finishedAtMs === null && run.owner === null;
}

export function goOnLine({ run }: ListedRun): string {
  return `the process that ran ${run} is gone; go on: stepwell resume --in-place ${run}`;
}

export function statusText(run: ListedRun, paint: Paint): string {
  return isInterrupted(run) ? paint.yellow("interrupted") : colored(run.status, paint);
}

function colored(status: RunStatus, paint: Paint): string {
  switch (status) {
    case "succeeded":
      return paint.green(status);
    case "failed":
      return paint.red(status);
    case "cancelled":
      return paint.yellow(status);
    case "pending":
    case "running":
      return paint.cyan(status);
    default:
      return unreachable(status);
  }
}

function tasksText(counts: TaskCounts): string {
  const kinds = ["running", "failed", "cancelled", "caught"] as const;
  return [
    `${formatCount(counts.succeeded)} ok`,
    ...kinds.filter((kind) => counts[kind] > 0).map((kind) => `${formatCount(counts[kind])} ${kind}`),
  ].join(" ");
}
