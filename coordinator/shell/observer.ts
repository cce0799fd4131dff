// Who is told of what happens to runs, once it holds: the log, and whoever counts.

import { unreachable } from "../../proto/unreachable.ts";
import type { RunEvent } from "../../proto/event.ts";
import type { TaskId } from "../../proto/ids.ts";
import type { RunState, Task } from "../core/state.ts";
import type { Assignment } from "./assignment.ts";

export interface Observer {
  /** The task may be taken from now on. */
  ready(state: RunState, task: TaskId): void;
  /** The task's next attempt has a worker and a lease. `waitedMs`: since its hint was published. */
  assigned(state: RunState, assignment: Assignment, waitedMs: number): void;
  /** These events of the run are durable. The state may be ahead of them. */
  recorded(state: RunState, events: readonly RunEvent[]): void;
  /** The run has ended, and everything of it is durable. */
  finished(state: RunState): void;
}

export type TaskFailed = Extract<RunEvent, { kind: "taskFailed" }>;

/** What followed from a failed attempt, seen from a state that may be further by now. */
export function sequelOf({ attempt }: TaskFailed, { state }: Task): "retry" | "caught" | "failed" | "cancelled" {
  switch (state.kind) {
    case "succeeded":
      return state.attempt === attempt ? "caught" : "retry";
    case "failed":
      return state.attempt === attempt ? "failed" : "retry";
    case "cancelled":
      return "cancelled";
    case "waiting":
    case "backoff":
    case "ready":
    case "running":
      return "retry";
    default:
      return unreachable(state);
  }
}

/** All of them are told, in this order. */
export function observedBy(observers: readonly Observer[]): Observer {
  return {
    ready: (state, task) => observers.forEach((one) => one.ready(state, task)),
    assigned: (state, assignment, waitedMs) => observers.forEach((one) => one.assigned(state, assignment, waitedMs)),
    recorded: (state, events) => observers.forEach((one) => one.recorded(state, events)),
    finished: (state) => observers.forEach((one) => one.finished(state)),
  };
}
