// The status of a run, read from its state.

import type { RunStatus } from "../../proto/event.ts";
import type { RunState } from "./state.ts";

/**
 * A run has finished when nothing of it is ready, running or backing off. It has then succeeded if its last step has;
 * failed if a task has; and was cancelled otherwise.
 */
export function statusOf(state: RunState): RunStatus {
  if (state.finishedAtMs === null) return state.startedAtMs === null ? "pending" : "running";
  if (state.failed.size > 0) return "failed";
  return state.tally.byStatus.cancelled > 0 || state.startedAtMs === null ? "cancelled" : "succeeded";
}
