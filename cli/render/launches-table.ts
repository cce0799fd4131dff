// `stepwell batch list`: a line for each launch.

import type { LaunchView } from "../../proto/launch.ts";
import { unreachable } from "../../proto/unreachable.ts";
import { formatDuration } from "../format/duration.ts";
import { tableLines } from "../format/table.ts";
import type { Paint } from "../terminal.ts";

export type LaunchesLook = { readonly paint: Paint; readonly wide: boolean; readonly nowMs: number };

export function launchesTable(launches: readonly LaunchView[], { paint, wide, nowMs }: LaunchesLook): readonly string[] {
  const columns = [
    { title: "LAUNCH" },
    { title: "STATE" },
    { title: "WORKERS" },
    { title: "SHAPE" },
    { title: "USD/H", align: "right" as const },
    { title: "AGE" },
    { title: "JOB" },
    { title: "WHY" },
    ...(wide ? [{ title: "LINK" }] : []),
  ];
  const rows = launches.map((launch) => [
    launch.launch,
    stateText(launch, paint),
    `${launch.workers.length}/${launch.count}`,
    // The hash behind it tells shapes apart that look the same; it is in the JSON.
    wide ? launch.shape : launch.shape.replace(/-[0-9a-f]{16}$/, ""),
    (launch.usdPerHour * launch.count).toFixed(2),
    formatDuration(nowMs - launch.plannedAtMs),
    launch.job ?? "-",
    launch.why ?? "-",
    ...(wide ? [launch.link ?? "-"] : []),
  ]);
  return tableLines(columns, rows);
}

function stateText({ stage, workers, seen }: LaunchView, paint: Paint): string {
  switch (stage) {
    case "planned":
      return "planned";
    case "uncertain":
      return paint.yellow("uncertain");
    case "submitted":
      if (workers.length > 0) return paint.green("running");
      return seen !== null && seen.starting + seen.running > 0 ? "starting" : "waiting";
    case "over":
      return paint.dim("over");
    default:
      return unreachable(stage);
  }
}
