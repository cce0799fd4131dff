// The fold: applies an event to the state it owns and says what must be caused by it.
//
// A1. Everything that an event decides is a function of the state and the event; the shell has appended it already.
// A2. What a failed task doesn't hold up runs on; a join that lacks an input never runs. With `failFast` the first final
//     failure stops everything that is running and cancels what is ready.
// A3. The run has finished when nothing is ready, running or backing off. A retry in place opens it again.

import type { Artifacts } from "../../proto/artifact.ts";
import type { RunEvent } from "../../proto/event.ts";
import { parseStepName, type TaskId } from "../../proto/ids.ts";
import { unreachable } from "../../proto/unreachable.ts";
import { noteChange } from "./changes.ts";
import { stopOf, type Effect } from "./effect.ts";
import { fateOf, type Fate } from "./fate.ts";
import { begin, makeReady, settle, succeed, type Work } from "./follow.ts";
import { move } from "./move.ts";
import { currentAttempt, initialState, lastAttempt, type Attempt, type RunState, type Stopping, type Task } from "./state.ts";
import { statusOf } from "./status.ts";
import { countValue } from "./tally.ts";

type EventOf<Kind extends RunEvent["kind"]> = Extract<RunEvent, { kind: Kind }>;

const start = parseStepName("start");

/** Applies an accepted event. Changes `state` in place. Throws where the event cannot follow: the history is wrong then. */
export function advance(state: RunState, event: RunEvent): Effect[] {
  const work: Work = { state, effects: [], atMs: event.atMs, succeeded: [] };
  state.seq += 1;
  if ("key" in event && event.key !== undefined) noteChange(state, event.key);
  apply(work, event);
  settle(work);
  finishIfDone(work);
  return work.effects;
}

/** The state after a whole history, which begins with `runSubmitted`. */
export function fold(events: Iterable<RunEvent>): RunState {
  let state: RunState | null = null;
  for (const event of events) {
    if (state !== null) advance(state, event);
    else if (event.kind === "runSubmitted") state = initialState(event);
    else throw new Error(`a run's first event is runSubmitted, not ${event.kind}`);
  }
  if (state === null) throw new Error("a run has at least one event");
  return state;
}

function apply(work: Work, event: RunEvent): void {
  const { state } = work;
  switch (event.kind) {
    case "runSubmitted":
      throw new Error(`${state.submitted.run} was submitted twice`);
    case "tasksReused":
      for (const reused of event.tasks) state.reusable.set(reused.task, reused);
      return;
    case "runStarted":
      if (state.startedAtMs !== null || state.finishedAtMs !== null) throw new Error(`${state.submitted.run} cannot start now`);
      state.startedAtMs = event.atMs;
      return begin(work, start);
    case "taskStarted":
      return taskStarted(work, event);
    case "taskSucceeded":
      return taskSucceeded(work, event);
    case "taskFailed":
      return taskFailed(work, event);
    case "retryDue":
      return retryDue(work, event);
    case "cancelRequested":
      return stop(work, { kind: "cancel", by: event.by });
    case "retryRequested":
      return retryRequested(work, event);
    case "tagsChanged":
      state.tags = [...state.tags.filter((tag) => !event.remove.includes(tag)), ...event.add];
      return;
    case "artifactsCollected":
      if (state.finishedAtMs === null) throw new Error(`${state.submitted.run} has not ended, and its artifacts were collected`);
      state.collectedAtMs = event.atMs;
      return;
    default:
      return unreachable(event);
  }
}

function taskStarted({ state }: Work, event: EventOf<"taskStarted">): void {
  const task = taskOf(state, event.task);
  if (event.attempt !== task.attempts.length) throw new Error(`${state.submitted.run}/${task.id}: attempt ${event.attempt} is out of turn`);
  if (event.lease <= (lastAttempt(task)?.lease ?? -1))
    throw new Error(`${state.submitted.run}/${task.id}: lease ${event.lease} is not new`);
  move(state, task, { kind: "running" });
  const { attempt, lease, worker, token = null, atMs } = event;
  task.attempts.push({ attempt, lease, worker, token, startedAtMs: atMs, end: null });
  task.step.startedAtMs ??= atMs;
  if (attempt === 0) return;
  state.tally.retried += 1;
  task.step.tally.retried += 1;
}

function taskSucceeded(work: Work, event: EventOf<"taskSucceeded">): void {
  const { state } = work;
  const task = taskOf(state, event.task);
  attemptOf(state, task, event).end = { atMs: event.atMs, failure: null, usage: event.usage };
  const durationMs = event.usage.finishedAtMs - event.usage.startedAtMs;
  countValue(state.tally.durations, task, durationMs);
  countValue(task.step.tally.durations, task, durationMs);
  countValue(task.step.peaks, task, event.usage.peakMiB);
  succeed(work, task, { attempt: event.attempt, taken: event.taken, produced: event.artifacts, caught: null, reusedFrom: null });
}

function taskFailed(work: Work, event: EventOf<"taskFailed">): void {
  const { state } = work;
  const task = taskOf(state, event.task);
  attemptOf(state, task, event).end = { atMs: event.atMs, failure: event.failure, usage: event.usage };
  if (event.failure.kind === "outOfMemory") task.step.outOfMemory += 1;
  meet(work, task, { event, fate: fateOf(state, task, event) });
}

function meet(work: Work, task: Task, { event, fate }: { readonly event: EventOf<"taskFailed">; readonly fate: Fate }): void {
  const { state } = work;
  const { atMs, attempt, failure } = event;
  switch (fate.kind) {
    case "retry":
      charge(task, fate.account);
      if (fate.delayMs === 0) return makeReady(work, task);
      move(state, task, { kind: "backoff", dueMs: atMs + fate.delayMs });
      work.effects.push({ kind: "setTimer", task: task.id, attempt: currentAttempt(task), dueMs: atMs + fate.delayMs });
      return;
    case "caught":
      return succeed(work, task, { attempt, taken: fate.taken, produced: withCaught(task, event), caught: failure, reusedFrom: null });
    case "cancelled":
      task.step.finishedAtMs = atMs;
      return move(state, task, { kind: "cancelled", atMs, by: fate.by });
    case "failed":
      task.step.finishedAtMs = atMs;
      move(state, task, { kind: "failed", attempt, atMs, failure });
      if (state.submitted.options.failFast) stop(work, { kind: "failFast", by: `the failure of ${task.id}` });
      return;
    default:
      return unreachable(fate);
  }
}

function charge(task: Task, account: Extract<Fate, { kind: "retry" }>["account"]): void {
  if (account === "user") task.userFailures += 1;
  else if (account === "infrastructure") task.losses += 1;
  else task.returns += 1;
}

function withCaught(task: Task, event: EventOf<"taskFailed">): Artifacts {
  const name = task.step.node.policy.catch?.var ?? null;
  if (name === null) return event.artifacts;
  return { ...event.artifacts, [name]: { kind: "caught", task: task.id, attempt: event.attempt, failure: event.failure } };
}

function retryDue(work: Work, event: EventOf<"retryDue">): void {
  const task = taskOf(work.state, event.task);
  if (task.state.kind !== "backoff") throw new Error(`${work.state.submitted.run}/${task.id} is not backing off`);
  makeReady(work, task);
}

/** Nothing new starts; what waits for a slot or a timer is cancelled, what runs is told to stop. */
function stop(work: Work, stopping: Stopping): void {
  const { state, effects, atMs } = work;
  if (state.stopping !== null) return;
  state.stopping = stopping;
  if (state.startedAtMs === null) return finish(work);
  for (const task of [...state.ready, ...state.backingOff]) move(state, task, { kind: "cancelled", atMs, by: stopping.by });
  for (const task of state.running) effects.push(stopOf(task, stopping.by));
}

function retryRequested(work: Work, event: EventOf<"retryRequested">): void {
  const { state } = work;
  state.stopping = null;
  state.finishedAtMs = null;
  for (const task of retried(state, event.tasks)) {
    task.userFailures = 0;
    task.losses = 0;
    task.returns = 0;
    makeReady(work, task);
  }
}

/** The tasks that a retry in place makes ready: of those asked for (null: of all) the failed and cancelled ones. */
export function retried(state: RunState, asked: readonly TaskId[] | null): Task[] {
  const tasks = asked === null ? state.order : asked.map((id) => taskOf(state, id));
  return [...new Set(tasks)].filter((task) => task.state.kind === "failed" || task.state.kind === "cancelled");
}

function finishIfDone(work: Work): void {
  const { state } = work;
  if (state.startedAtMs === null || state.finishedAtMs !== null) return;
  if (state.ready.size + state.running.size + state.backingOff.size === 0) finish(work);
}

function finish({ state, effects, atMs }: Work): void {
  state.finishedAtMs = atMs;
  effects.push({ kind: "finish", status: statusOf(state) });
}

function taskOf(state: RunState, id: TaskId): Task {
  const task = state.tasks.get(id);
  if (task === undefined) throw new Error(`${state.submitted.run} has no task ${id}`);
  return task;
}

/** The running attempt, which the event must be about. */
function attemptOf(state: RunState, task: Task, event: { readonly attempt: number; readonly lease: number }): Attempt {
  const attempt = lastAttempt(task);
  if (task.state.kind === "running" && attempt?.attempt === event.attempt && attempt.lease === event.lease) return attempt;
  throw new Error(`${state.submitted.run}/${task.id}: attempt ${event.attempt} under lease ${event.lease} is not running`);
}
