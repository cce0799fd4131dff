// Why tasks of a shape wait, as far as launching knows.

import type { WaitReason } from "../../../proto/waits.ts";
import { unreachable } from "../../../proto/unreachable.ts";
import type { Holdup, ShapeOutlook } from "./sight.ts";

export type LaunchOutlook = ShapeOutlook & {
  /** Of workers that were asked for, by what the service said last; `asked`: it has said nothing of them. */
  readonly stages: Extract<WaitReason, { kind: "launching" }>["stages"];
  readonly waitsFor: string | null;
};

/** Null where workers are about to be asked for, or are there. */
export function launchReason({ pending, holdup, stages, waitsFor }: LaunchOutlook): WaitReason | null {
  if (pending > 0) return { kind: "launching", workers: pending, stages, service: waitsFor };
  return holdup === null ? null : notLaunched(holdup);
}

function notLaunched(holdup: Holdup): WaitReason {
  switch (holdup.kind) {
    case "impossible":
      return { kind: "notLaunched", why: "there can be no such worker here: stepwell check says what there can be", untilMs: null };
    case "budget":
      return {
        kind: "notLaunched",
        why: `about $${holdup.spentUsd.toFixed(2)} of $${holdup.usdPerDayMax} a day are spent`,
        untilMs: holdup.untilMs,
      };
    case "backoff": {
      const times = holdup.failures === 1 ? "" : ` (${holdup.failures} times)`;
      return { kind: "notLaunched", why: `the last ones failed${times}: ${holdup.reason}`, untilMs: holdup.untilMs };
    }
    case "workersMax":
      return { kind: "notLaunched", why: `all ${holdup.max} that may be there at once are: --launch-max`, untilMs: null };
    default:
      return unreachable(holdup);
  }
}
