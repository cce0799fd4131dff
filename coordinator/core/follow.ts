// What follows a success: the next step, the children of a split, the arrival at a join.
//
// F1. A join collects the arrivals of the innermost split that is open around them, one for each slot, each once.
// F2. The join sits where the split's opener sits: the split's frame is dropped.
// F3. An empty foreach goes straight to its join.
// F4. A place that is reached and whose outcome was taken over from another run has succeeded at once.

import { taskIdOf, type RunId, type StepName } from "../../proto/ids.ts";
import type { Artifacts } from "../../proto/artifact.ts";
import type { Failure } from "../../proto/failure.ts";
import type { TakenTransition } from "../../proto/order.ts";
import { unreachable } from "../../proto/unreachable.ts";
import { enqueueOf, type Effect } from "./effect.ts";
import { add, move } from "./move.ts";
import {
  indexesOf,
  stepOfRun,
  widthOf,
  type Fan,
  type RunState,
  type Seat,
  type Split,
  type Step,
  type Task,
  type TaskSource,
} from "./state.ts";

/** What one event leads to. `succeeded` is a queue, so that long chains of reused tasks need no deep stack. */
export type Work = { readonly state: RunState; readonly effects: Effect[]; readonly atMs: number; readonly succeeded: Task[] };

export type Success = {
  readonly attempt: number;
  readonly taken: TakenTransition;
  readonly produced: Artifacts;
  readonly caught: Failure | null;
  readonly reusedFrom: RunId | null;
};

export function succeed(work: Work, task: Task, success: Success): void {
  move(work.state, task, { kind: "succeeded", atMs: work.atMs, ...success });
  task.step.finishedAtMs = work.atMs;
  work.succeeded.push(task);
}

/** Follows every success of the work, and the successes that come of it. */
export function settle(work: Work): void {
  for (const task of work.succeeded) {
    if (task.state.kind === "succeeded") follow(work, task, task.state.taken);
  }
}

export function begin(work: Work, start: StepName): void {
  launch(work, open(work, stepOfRun(work.state, start), { source: { kind: "start" }, seat: null }));
}

function follow(work: Work, task: Task, taken: TakenTransition): void {
  switch (taken.kind) {
    case "end":
      return;
    case "linear":
    case "switch":
      enter(work, task, { to: taken.to, seat: task.seat });
      return;
    case "foreach":
      task.step.foreaches += 1;
      task.step.elements += widthOf(taken);
      fanOut(work, task, taken);
      return;
    case "branch":
      fanOut(work, task, taken);
      return;
    default:
      return unreachable(taken);
  }
}

function fanOut(work: Work, opener: Task, fan: Fan): void {
  const { closer } = opener.step;
  if (closer === null) throw new Error(`${work.state.submitted.run}: no join closes step ${opener.step.node.name}`);
  const width = widthOf(fan);
  const arrivals = Array.from<Task | null>({ length: width }).fill(null);
  const split: Split = { opener, fan, closer: stepOfRun(work.state, closer), arrivals, arrived: 0 };
  if (width === 0) return launch(work, open(work, split.closer, { source: { kind: "split", split }, seat: opener.seat }));
  for (let slot = 0; slot < width; slot++) {
    const to = fan.kind === "foreach" ? fan.to : fan.to[slot];
    if (to !== undefined) enter(work, opener, { to, seat: { split, slot } });
  }
}

function enter(work: Work, from: Task, place: { readonly to: StepName; readonly seat: Seat | null }): void {
  const step = stepOfRun(work.state, place.to);
  if (step.node.joins === null) launch(work, open(work, step, { source: { kind: "task", task: from }, seat: place.seat }));
  else if (place.seat?.split.closer === step) arrive(work, from, place.seat);
  else throw new Error(`${work.state.submitted.run}/${from.id}: join ${place.to} does not close the split around it`);
}

function arrive(work: Work, from: Task, { split, slot }: Seat): void {
  if (split.arrivals[slot] !== null) throw new Error(`${work.state.submitted.run}/${from.id} arrived twice at its join`);
  split.arrivals[slot] = from;
  split.arrived += 1;
  const seat = split.opener.seat;
  const known = split.arrived === 1 ? undefined : work.state.tasks.get(taskIdOf(split.closer.node.name, indexesOf(seat)));
  const join = known ?? open(work, split.closer, { source: { kind: "split", split }, seat });
  if (split.arrived === split.arrivals.length) launch(work, join);
}

function open(work: Work, step: Step, at: { readonly source: TaskSource; readonly seat: Seat | null }): Task {
  const task: Task = {
    id: taskIdOf(step.node.name, indexesOf(at.seat)),
    step,
    source: at.source,
    seat: at.seat,
    links: at.source.kind === "task" ? at.source.task.links + 1 : 0,
    state: { kind: "waiting" },
    attempts: [],
    userFailures: 0,
    losses: 0,
    returns: 0,
    visible: null,
  };
  add(work.state, task);
  return task;
}

/** The task has all it needs. */
function launch(work: Work, task: Task): void {
  const { state } = work;
  const reused = state.reusable.get(task.id);
  if (reused !== undefined) {
    state.reusable.delete(task.id);
    const { attempt, taken, artifacts: produced, caught, origin: reusedFrom } = reused;
    return succeed(work, task, { attempt, taken, produced, caught, reusedFrom });
  }
  if (state.stopping !== null) return move(state, task, { kind: "cancelled", atMs: work.atMs, by: state.stopping.by });
  makeReady(work, task);
}

export function makeReady(work: Work, task: Task): void {
  move(work.state, task, { kind: "ready" });
  work.effects.push(enqueueOf(task));
}
