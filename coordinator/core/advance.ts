// The fold: applies an event to the state it owns and says what must be caused by it.

import type { RunEvent } from "../../proto/event.ts";
import type { Effect } from "./effect.ts";
import type { RunState } from "./state.ts";

/** Applies an accepted event. Changes `state` in place. Throws where the event cannot follow: the history is wrong then. */
export function advance(state: RunState, event: RunEvent): Effect[] {
  throw new Error(`unfinished ${state.seq} ${event.kind}`);
}

/** The state after a whole history, which begins with `runSubmitted`. */
export function fold(events: Iterable<RunEvent>): RunState {
  throw new Error(`unfinished ${typeof events}`);
}
