// A launch as people see it.

import type { LaunchView } from "../../../proto/launch.ts";
import { unreachable } from "../../../proto/unreachable.ts";
import type { Launch, LaunchStage } from "../../core/launching/state.ts";
import type { JobReport } from "../../ports/launcher.ts";

export function viewOfLaunch(launch: Launch, report: JobReport | null): LaunchView {
  const { id, key, plannedAtMs, stage, count, slots, usdPerHour, workers } = launch;
  const present = [...workers].filter(([, { leftAtMs }]) => leftAtMs === null);
  return {
    launch: id,
    shape: key,
    plannedAtMs,
    stage: stage.kind,
    count,
    slots,
    usdPerHour,
    job: stage.kind === "submitted" ? stage.job : (report?.job ?? null),
    link: report?.link ?? null,
    workers: present.map(([index, { worker }]) => ({ index, worker })),
    seen: report === null ? null : seenOf(report),
    why: whyOf(stage, report),
  };
}

function seenOf({ stages: { waiting, starting, running, succeeded, failed } }: JobReport): LaunchView["seen"] {
  return { waiting, starting, running, ended: succeeded + failed };
}

function whyOf(stage: LaunchStage, report: JobReport | null): string | null {
  switch (stage.kind) {
    case "planned":
    case "uncertain":
      return stage.reason;
    case "submitted":
      return report?.waitsFor ?? report?.failures[0]?.reason ?? null;
    case "over":
      return stage.end.kind === "refused" ? stage.end.reason : stage.end.kind === "ended" ? null : stage.end.kind;
    default:
      return unreachable(stage);
  }
}
