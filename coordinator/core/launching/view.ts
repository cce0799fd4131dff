// Launches as people see them: their history, and what the service said last.

import type { LaunchId, LaunchView } from "../../../proto/launch.ts";
import { unreachable } from "../../../proto/unreachable.ts";
import type { LaunchEnd } from "./event.ts";
import type { LaunchReport } from "./sight.ts";
import type { Launch, LaunchingState } from "./state.ts";

export type Seen = {
  readonly reports: ReadonlyMap<LaunchId, LaunchReport>;
  /** For a person to look at a launch's job. */
  readonly links: ReadonlyMap<LaunchId, string>;
};

/** In the order in which they were planned. */
export function launchViews({ launches }: LaunchingState, seen: Seen): readonly LaunchView[] {
  return [...launches.values()].map((launch) => viewOf(launch, seen));
}

function viewOf(launch: Launch, { reports, links }: Seen): LaunchView {
  const { id, key, plannedAtMs, count, slots, usdPerHour, stage } = launch;
  const report = stage.kind === "submitted" ? (reports.get(id)?.job ?? null) : null;
  const workers = [...launch.workers].filter(([, { leftAtMs }]) => leftAtMs === null).map(([index, { worker }]) => ({ index, worker }));
  return {
    launch: id,
    shape: key,
    plannedAtMs,
    stage: stage.kind,
    count,
    slots,
    usdPerHour,
    job: stage.kind === "submitted" ? stage.job : null,
    link: links.get(id) ?? null,
    workers: workers.toSorted((a, b) => a.index - b.index),
    seen: report === null ? null : { waiting: report.waiting, starting: report.starting, running: report.running, ended: report.ended },
    why: whyOf(launch, report),
  };
}

function whyOf({ stage, givenUp }: Launch, report: LaunchReport["job"]): string | null {
  switch (stage.kind) {
    case "planned":
    case "uncertain":
      return stage.reason;
    case "submitted": {
      if (report?.waitsFor !== null && report?.waitsFor !== undefined) return report.waitsFor;
      const [failure] = report?.failures ?? [];
      return failure === undefined ? (givenUp === "all" ? "it is not needed any more" : null) : `${failure.kind}: ${failure.reason}`;
    }
    case "over":
      return endText(stage.end);
    default:
      return unreachable(stage);
  }
}

function endText(end: LaunchEnd): string | null {
  switch (end.kind) {
    case "ended":
      return null;
    case "refused":
      return `refused: ${end.reason}`;
    case "neverCame":
      return "no job was found by its name";
    case "forgotten":
      return "the service knows its job no more";
    case "unneeded":
      return "it was not needed any more";
    default:
      return unreachable(end);
  }
}
