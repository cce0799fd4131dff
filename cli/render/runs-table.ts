// `stepwell runs`: a line for each run, newest first.

import { unreachable } from "../../proto/unreachable.ts";
import type { RunStatus } from "../../proto/event.ts";
import type { RunSummary, TaskCounts } from "../../proto/view.ts";
import { formatCount } from "../format/count.ts";
import { formatDuration } from "../format/duration.ts";
import { tableLines, type Column } from "../format/table.ts";
import { formatStarted, type TimeZone } from "../format/time.ts";
import type { Paint } from "../terminal.ts";

export type TableLook = { readonly paint: Paint; readonly nowMs: number; readonly zone: TimeZone; readonly wide: boolean };

export function runsTable(runs: readonly RunSummary[], look: TableLook): readonly string[] {
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
    colored(run.status, look.paint),
    run.run,
    run.user,
    formatStarted(run.submittedAtMs, look),
    formatDuration((run.finishedAtMs ?? look.nowMs) - run.submittedAtMs),
    tasksText(run.counts),
    run.tags.length === 0 ? "-" : run.tags.join(","),
    ...(look.wide ? [run.namespace, run.originRun ?? "-"] : []),
  ]);
  return tableLines(columns, rows);
}

export function colored(status: RunStatus, paint: Paint): string {
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
  const kinds = ["running", "failed", "cancelled"] as const;
  return [
    `${formatCount(counts.succeeded)} ok`,
    ...kinds.filter((kind) => counts[kind] > 0).map((kind) => `${formatCount(counts[kind])} ${kind}`),
  ].join(" ");
}
