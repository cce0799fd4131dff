// What is to be done about launches now: a function of their history, of what is seen, and of what is remembered of that.
// The history's state is left alone; `memory` is brought up to date in place.

import type { LaunchEvent } from "./event.ts";
import { followLaunch, type Due } from "./follow.ts";
import { scale, spentTodayUsd } from "./scale.ts";
import type { LaunchDecision, LaunchLimits, Memory, Sight } from "./sight.ts";
import type { LaunchingState } from "./state.ts";

export type Deciding = { readonly state: LaunchingState; readonly sight: Sight; readonly memory: Memory; readonly limits: LaunchLimits };

export function decideLaunches({ state, sight, memory, limits }: Deciding): LaunchDecision {
  const due: Due = { events: [], effects: [] };
  for (const launch of state.launches.values()) followLaunch(launch, { sight, memory, limits, due });
  const spentUsd = spentTodayUsd(state, sight.nowMs);
  // What these events change is seen the next time.
  if (due.events.length > 0) return { ...due, plans: [], outlook: null, spentUsd };
  const { plans, outlook } = scale({ state, sight, memory, limits, due, spentUsd });
  return { ...due, plans, outlook, spentUsd };
}

/** After a start: whether the service was asked, nobody knows. */
export function decideRecovery({ launches }: LaunchingState, atMs: number): readonly LaunchEvent[] {
  const reason = "this coordinator began anew";
  return [...launches.values()]
    .filter(({ stage }) => stage.kind === "planned")
    .map(({ id: launch }) => ({ kind: "launchUncertain", atMs, launch, reason }));
}
