// What a worker needs to run an attempt, made from the state when the attempt is assigned.

import type { TaskId } from "../../proto/ids.ts";
import type { TaskOrder } from "../../proto/order.ts";
import type { RunState } from "./state.ts";

/** For a task that is ready or running; its attempt is the current one. */
export function orderFor(state: RunState, task: TaskId, assigned: { readonly lease: number }): TaskOrder {
  throw new Error(`unfinished ${state.seq} ${task} ${assigned.lease}`);
}
