// Decisions about tasks and runs: pure questions to the state, answered by the events to append or by a refusal.

import type { TaskId } from "../../proto/ids.ts";
import type { TaskOutcome } from "../../proto/order.ts";
import { refused, type Decision } from "./decision.ts";
import type { RunState } from "./state.ts";

export type StartRequest = {
  readonly task: TaskId;
  readonly attempt: number;
  readonly lease: number;
  readonly worker: string;
  readonly atMs: number;
};
export type OutcomeReport = {
  readonly task: TaskId;
  readonly attempt: number;
  readonly lease: number;
  readonly outcome: TaskOutcome;
  readonly atMs: number;
};
export type LossReport = {
  readonly task: TaskId;
  readonly attempt: number;
  readonly lease: number;
  readonly worker: string;
  readonly atMs: number;
};
export type RetryRequest = { readonly by: string; readonly tasks: readonly TaskId[] | null; readonly atMs: number };

export function decideStart(state: RunState, request: StartRequest): Decision {
  return refused("noRoom", `unfinished ${state.seq} ${request.task}`);
}
export function decideOutcome(state: RunState, report: OutcomeReport): Decision {
  return refused("noRoom", `unfinished ${state.seq} ${report.task}`);
}
export function decideLost(state: RunState, report: LossReport): Decision {
  return refused("noRoom", `unfinished ${state.seq} ${report.task}`);
}
/** `attempt` as in the `setTimer` effect. */
export function decideRetryDue(state: RunState, due: { readonly task: TaskId; readonly attempt: number; readonly atMs: number }): Decision {
  return refused("noRoom", `unfinished ${state.seq} ${due.task}`);
}
export function decideCancel(state: RunState, request: { readonly by: string; readonly atMs: number }): Decision {
  return refused("noRoom", `unfinished ${state.seq} ${request.by}`);
}
export function decideRetry(state: RunState, request: RetryRequest): Decision {
  return refused("noRoom", `unfinished ${state.seq} ${request.by}`);
}
