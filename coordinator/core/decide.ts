// Decisions about tasks and runs: pure questions to the state, answered by the events to append or by a refusal.
//
// D1. An outcome is accepted once, of the attempt that runs, under the lease that it runs under: everything else is stale.
// D2. A decision never changes the state; only the event does, once it is in the ledger.

import type { Asker } from "../../proto/control.ts";
import type { RunEvent } from "../../proto/event.ts";
import type { Failure } from "../../proto/failure.ts";
import type { TaskId } from "../../proto/ids.ts";
import type { TaskOutcome, Usage } from "../../proto/order.ts";
import { retried } from "./advance.ts";
import { askerOf, isRepeated } from "./changes.ts";
import { collectedObjection } from "./collect.ts";
import { accepted, refused, type Decision, type Refused } from "./decision.ts";
import { fateOf } from "./fate.ts";
import { lossWaitMs } from "./loss-wait.ts";
import { canStart, currentAttempt, lastAttempt, type RunState, type Task } from "./state.ts";
import { statusOf } from "./status.ts";
import { objectionTo } from "./transition.ts";

/** An attempt under its lease: what every word about a running task must name. */
type Held = { readonly task: TaskId; readonly attempt: number; readonly lease: number };

/** `token`: the id of the worker's, if it needs one. */
export type StartRequest = Held & { readonly worker: string; readonly token?: string | null; readonly atMs: number };
export type OutcomeReport = Held & { readonly outcome: TaskOutcome; readonly atMs: number };
/** `undelivered`: the worker never named it; `drained`: the worker was to leave. */
export type LossReport = Held & { readonly worker: string; readonly how: "lost" | "undelivered" | "drained"; readonly atMs: number };
export type DueRequest = { readonly task: TaskId; readonly attempt: number; readonly atMs: number };
export type RetryRequest = Asker & { readonly tasks: readonly TaskId[] | null; readonly atMs: number };

/** Ends a submission: nothing more is taken over. */
export function decideBegin(state: RunState, request: { readonly atMs: number }): Decision {
  if (state.startedAtMs !== null || state.finishedAtMs !== null) {
    return refused("conflict", `${state.submitted.run} has begun already`);
  }
  return accepted({ kind: "runStarted", atMs: request.atMs });
}

export function decideStart(state: RunState, request: StartRequest): Decision {
  const { task: id, attempt, lease, worker, token = null, atMs } = request;
  const task = state.tasks.get(id);
  if (task === undefined) return noTask(state, id);
  if (task.state.kind !== "ready" || currentAttempt(task) !== attempt) {
    return refused("notCurrent", `${place(state, id)}: attempt ${attempt} is not ready to start (the task is ${task.state.kind})`);
  }
  if (lease <= (lastAttempt(task)?.lease ?? -1)) return refused("stale", `${place(state, id)}: lease ${lease} was given before`);
  if (!canStart(state)) return refused("noRoom", `${state.submitted.run} has no free slot`);
  return accepted({ kind: "taskStarted", atMs, task: id, attempt, lease, worker, ...(token !== null && { token }) });
}

export function decideOutcome(state: RunState, report: OutcomeReport): Decision {
  const task = holder(state, report);
  if ("reason" in task) return task;
  const { outcome } = report;
  if (outcome.kind === "failed") return accepted(failedEvent(state, task, { ...report, outcome }));
  const objection = objectionTo(state, task, outcome.taken);
  if (objection !== null) {
    const failure: Failure = { kind: "badTransition", message: objection };
    const { artifacts, usage } = outcome;
    return accepted(failedEvent(state, task, { ...report, outcome: { kind: "failed", failure, artifacts, usage } }));
  }
  const { attempt, lease, atMs } = report;
  const { taken, artifacts, usage } = outcome;
  return accepted({ kind: "taskSucceeded", atMs, task: task.id, attempt, lease, taken, artifacts, usage });
}

/** The worker is given up. What it reports later is stale. */
export function decideLost(state: RunState, report: LossReport): Decision {
  const task = holder(state, report);
  if ("reason" in task) return task;
  const { attempt, lease, worker, how, atMs } = report;
  const failure: Failure = how === "lost" ? { kind: "lost", worker } : { kind: "returned", worker, why: how };
  const outcome = { kind: "failed", failure, artifacts: {}, usage: null } as const;
  return accepted(failedEvent(state, task, { task: task.id, attempt, lease, outcome, atMs }));
}

/** `attempt` as in the `setTimer` effect. The shell knows when it is time: clocks jump, and the state has none. */
export function decideRetryDue(state: RunState, due: DueRequest): Decision {
  const task = state.tasks.get(due.task);
  if (task === undefined) return noTask(state, due.task);
  if (task.state.kind !== "backoff" || currentAttempt(task) !== due.attempt) {
    return refused("notCurrent", `${place(state, due.task)}: attempt ${due.attempt} is not backing off`);
  }
  return accepted({ kind: "retryDue", atMs: due.atMs, task: due.task, attempt: due.attempt });
}

/** Asking again while the run stops changes nothing. */
export function decideCancel(state: RunState, request: Asker & { readonly atMs: number }): Decision {
  if (isRepeated(state, request)) return accepted();
  if (state.finishedAtMs !== null) return refused("conflict", `${state.submitted.run} has ended already: ${statusOf(state)}`);
  if (state.stopping !== null) return accepted();
  return accepted({ kind: "cancelRequested", atMs: request.atMs, ...askerOf(request) });
}

/** Also for a run that nobody finished: what failed until then is made ready, what is under way goes on. */
export function decideRetry(state: RunState, request: RetryRequest): Decision {
  if (isRepeated(state, request)) return accepted();
  const { run } = state.submitted;
  const status = statusOf(state);
  const collected = collectedObjection(state);
  if (collected !== null) return refused("conflict", collected);
  if (state.startedAtMs === null) return refused("conflict", `${run} has not begun: submit it again`);
  if (status === "succeeded") return refused("conflict", `${run} has succeeded: there is nothing to retry`);
  if (status === "running" && state.stopping !== null) {
    return refused("conflict", `${run} is still stopping ${state.running.size} of its tasks: retry it when they have ended`);
  }
  const missing = request.tasks?.find((id) => !state.tasks.has(id));
  if (missing !== undefined) return noTask(state, missing);
  const tasks = retried(state, request.tasks);
  if (tasks.length > 0) return accepted({ kind: "retryRequested", atMs: request.atMs, ...askerOf(request), tasks: request.tasks });
  if (status === "running") return accepted();
  return refused("conflict", `${run}: none of the tasks asked for has failed or was cancelled`);
}

/** The task, if the report is about its running attempt under its lease (D1). */
function holder(state: RunState, { task: id, attempt, lease }: Held): Task | Refused {
  const task = state.tasks.get(id);
  if (task === undefined) return noTask(state, id);
  const current = lastAttempt(task);
  if (task.state.kind === "running" && current?.attempt === attempt && current.lease === lease) return task;
  return refused("stale", `${place(state, id)}: attempt ${attempt} under lease ${lease} is no longer current`);
}

type FailedOutcome = Omit<Extract<TaskOutcome, { kind: "failed" }>, "usage"> & { readonly usage: Usage | null };

function failedEvent(state: RunState, task: Task, report: Held & { readonly outcome: FailedOutcome; readonly atMs: number }): RunEvent {
  const { attempt, lease, atMs, outcome } = report;
  const { failure, usage } = outcome;
  const fate = fateOf(state, task, { failure });
  // What an uncaught attempt had set is of use to nobody.
  const artifacts = fate.kind === "caught" ? outcome.artifacts : {};
  const isLoss = fate.kind === "retry" && fate.account === "infrastructure";
  const retryAfterMs = isLoss ? lossWaitMs(`${place(state, task.id)}/${attempt}`, task.losses) : 0;
  const event = { kind: "taskFailed", atMs, task: task.id, attempt, lease, failure, artifacts, usage } as const;
  return retryAfterMs === 0 ? event : { ...event, retryAfterMs };
}

function noTask(state: RunState, task: TaskId): Refused {
  return refused("notFound", `${state.submitted.run} has no task ${task}`);
}

function place(state: RunState, task: TaskId): string {
  return `${state.submitted.run}/${task}`;
}
