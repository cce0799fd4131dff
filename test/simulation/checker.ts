// The invariants, checked after every event. What it knows it takes from the ledger, not from the core.
//
// I1. A task's result is accepted once, of the attempt that was started last, under its lease.
// I2. A join starts once all its inputs have succeeded, with one input for each element or branch, in their order.
// I3. A task that has succeeded stays as it is.
// I4. Every task is in one state; the sets and the counts say the same as the tasks.
// I5. No more tasks run than the run may have at a time; none starts while the run stops.
// I6. What `outstanding` lists has been asked for by an effect before, and it lists all that is ready, timed, or to be stopped.
// I7. Reading the ledger again gives the same state, and the same is outstanding.
// I8. A back-off lasts as long as the step's `@retry` says; a failure within its budget is retried, and none beyond it.

import assert from "node:assert/strict";
import { countOf } from "../../proto/artifact.ts";
import type { RunEvent } from "../../proto/event.ts";
import { returnsMax } from "../../proto/failure.ts";
import type { StepName, TaskId } from "../../proto/ids.ts";
import type { TaskOrder } from "../../proto/order.ts";
import { unreachable } from "../../proto/unreachable.ts";
import { fold } from "../../coordinator/core/advance.ts";
import { outstanding, type Effect } from "../../coordinator/core/effect.ts";
import type { RunState, Task, TaskState } from "../../coordinator/core/state.ts";
import { statusOf } from "../../coordinator/core/status.ts";
import { runView, summaryOf } from "../../coordinator/core/view.ts";
import type { RandomFlow } from "./graph.ts";

type Started = { readonly attempt: number; readonly lease: number };

export class Checker {
  readonly #flow: RandomFlow;
  readonly #started = new Map<TaskId, Started>();
  readonly #opened = new Map<TaskId, number>();
  readonly #succeeded = new Set<TaskId>();
  readonly #final = new Map<TaskId, TaskState>();
  readonly #asked = new Set<string>();
  readonly #userFailures = new Map<TaskId, number>();
  readonly #losses = new Map<TaskId, number>();
  readonly #returns = new Map<TaskId, number>();
  /** Failed and cancelled as of the last event. */
  #ended: readonly TaskId[] = [];
  #isStopping = false;

  constructor(flow: RandomFlow) {
    this.#flow = flow;
  }

  /** An event, the state after it, and what it was said to cause. */
  after(state: RunState, event: RunEvent, effects: readonly Effect[]): void {
    this.#history(state, event);
    for (const effect of effects) this.#asked.add(keyOf(effect));
    this.#outstanding(state);
    this.#states(state);
    if (event.kind === "taskFailed") this.#retries(state, event);
    this.#ended = state.order.filter(isEnded).map(({ id }) => id);
  }

  /** The state was read from the ledger again, and everything outstanding was performed. */
  recovered(before: RunState, after: RunState): void {
    assert.equal(dump(after), dump(before), "I7: the ledger gives another state");
    assert.deepEqual(outstanding(after).map(keyOf), outstanding(before).map(keyOf), "I7: other effects are outstanding");
    for (const [id, state] of this.#final) assert.equal(JSON.stringify(after.tasks.get(id)?.state), JSON.stringify(state), "I3");
    for (const id of this.#final.keys()) {
      const task = after.tasks.get(id);
      if (task !== undefined) this.#final.set(id, task.state);
    }
  }

  refolded(state: RunState, ledger: readonly RunEvent[]): void {
    assert.equal(dump(fold(ledger)), dump(state), "I7: the ledger gives another state");
  }

  ordered(order: TaskOrder): void {
    if (order.inputs.kind !== "join") return;
    const node = this.#flow.graph.steps.find((step) => step.name === order.step);
    const opener = `${node?.joins}/${order.task.slice(order.task.indexOf("/") + 1)}`;
    assert.equal(order.inputs.inputs.length, this.#opened.get(opener as TaskId), `I2: inputs of ${order.task}`);
    for (const { task } of order.inputs.inputs)
      assert.ok(this.#succeeded.has(task), `I2: ${order.task} starts before ${task} has succeeded`);
    const slots = order.inputs.inputs.map(({ task }) =>
      Number(
        task
          .slice(task.indexOf("/") + 1)
          .split(".")
          .at(-1),
      ),
    );
    if (order.inputs.split === "foreach") assert.deepEqual(slots, [...slots.keys()], `I2: the inputs of ${order.task} are out of order`);
  }

  #history(state: RunState, event: RunEvent): void {
    switch (event.kind) {
      case "taskStarted":
        assert.ok(!this.#isStopping, `I5: ${event.task} started while the run stops`);
        assert.ok(!this.#succeeded.has(event.task), `I1: ${event.task} started after it had succeeded`);
        assert.ok(event.lease > (this.#started.get(event.task)?.lease ?? -1), `I1: lease of ${event.task}`);
        assert.ok(event.attempt === (this.#started.get(event.task)?.attempt ?? -1) + 1, `I1: attempt of ${event.task}`);
        this.#started.set(event.task, event);
        return;
      case "taskSucceeded":
        this.#outcome(event);
        if (event.taken.kind === "foreach") this.#opened.set(event.task, countOf(event.taken.elements));
        if (event.taken.kind === "branch") this.#opened.set(event.task, event.taken.to.length);
        this.#succeeded.add(event.task);
        return;
      case "taskFailed":
        this.#outcome(event);
        if (state.tasks.get(event.task)?.state.kind === "succeeded") {
          this.#succeeded.add(event.task);
          const { transition } = state.tasks.get(event.task)!.step.node;
          if (transition.kind === "branch") this.#opened.set(event.task, transition.to.length);
        }
        if (state.submitted.options.failFast && state.tasks.get(event.task)?.state.kind === "failed") this.#isStopping = true;
        return;
      case "tasksReused":
        for (const { task, taken } of event.tasks) {
          if (taken.kind === "foreach") this.#opened.set(task, countOf(taken.elements));
          if (taken.kind === "branch") this.#opened.set(task, taken.to.length);
          this.#succeeded.add(task);
        }
        return;
      case "cancelRequested":
        this.#isStopping = true;
        return;
      case "retryRequested":
        this.#isStopping = false;
        for (const id of this.#ended) if (!isEnded(state.tasks.get(id))) this.#forgive(id);
        return;
      case "runSubmitted":
      case "runStarted":
      case "retryDue":
      case "tagsChanged":
      case "artifactsCollected":
        return;
    }
  }

  #outcome(event: { readonly task: TaskId } & Started): void {
    const started = this.#started.get(event.task);
    assert.ok(started?.attempt === event.attempt && started.lease === event.lease, `I1: a stale outcome of ${event.task} was accepted`);
    assert.ok(!this.#succeeded.has(event.task), `I1: ${event.task} has two results`);
  }

  #states(state: RunState): void {
    const seen: Record<string, number> = {};
    for (const task of state.tasks.values()) {
      const { kind } = task.state;
      seen[kind] = (seen[kind] ?? 0) + 1;
      this.#inItsSet(state, task);
      if (kind !== "succeeded") continue;
      const final = this.#final.get(task.id);
      if (final === undefined) this.#final.set(task.id, task.state);
      else assert.equal(task.state, final, `I3: ${task.id} changed after it had succeeded`);
    }
    for (const [kind, count] of Object.entries(state.tally.byStatus)) assert.equal(count, seen[kind] ?? 0, `I4: count of ${kind}`);
    assert.equal(state.order.length, state.tasks.size, "I4: the order lacks tasks");
    assert.equal(
      state.ready.size + state.running.size + state.backingOff.size,
      (seen["ready"] ?? 0) + (seen["running"] ?? 0) + (seen["backoff"] ?? 0),
    );
    assert.ok(state.running.size <= state.submitted.options.workersMax, "I5: too many tasks run");
    if (this.#isStopping) assert.equal(state.ready.size + state.backingOff.size, 0, "I5: something is ready while the run stops");
    const isOver = state.ready.size + state.running.size + state.backingOff.size === 0;
    if (state.startedAtMs !== null) assert.equal(state.finishedAtMs !== null, isOver, "I4: whether the run has finished");
  }

  #inItsSet(state: RunState, task: Task): void {
    assert.equal(state.ready.has(task), task.state.kind === "ready", `I4: ${task.id}`);
    assert.equal(state.running.has(task), task.state.kind === "running", `I4: ${task.id}`);
    assert.equal(state.backingOff.has(task), task.state.kind === "backoff", `I4: ${task.id}`);
    assert.equal(state.failed.has(task), task.state.kind === "failed", `I4: ${task.id}`);
  }

  #forgive(task: TaskId): void {
    this.#userFailures.delete(task);
    this.#losses.delete(task);
    this.#returns.delete(task);
  }

  #outstanding(state: RunState): void {
    const listed = outstanding(state);
    for (const effect of listed) assert.ok(this.#asked.has(keyOf(effect)), `I6: ${keyOf(effect)} was never asked for`);
    const open = state.ready.size + state.backingOff.size + (this.#isStopping ? state.running.size : 0);
    const isOpen = state.startedAtMs !== null && state.finishedAtMs === null;
    assert.equal(listed.length, isOpen ? open : 1, "I6: something that is not done is not listed");
  }

  #retries(state: RunState, event: Extract<RunEvent, { kind: "taskFailed" }>): void {
    const task = state.tasks.get(event.task);
    const isRetried = task?.state.kind === "ready" || task?.state.kind === "backoff";
    const retry = this.#flow.policies.get(event.task.slice(0, event.task.indexOf("/")) as StepName)?.retry ?? null;
    const { kind } = event.failure;
    const isLost = kind === "lost" || kind === "returned";
    if (kind === "returned" && (this.#returns.get(event.task) ?? 0) < returnsMax) {
      assert.equal(task?.state.kind, this.#isStopping ? "cancelled" : "ready", "I8: what went back is ready again");
      this.#returns.set(event.task, (this.#returns.get(event.task) ?? 0) + 1);
      return;
    }
    const spent = isLost ? this.#losses : this.#userFailures;
    const earlier = spent.get(event.task) ?? 0;
    const isListed = retry !== null && (retry.on === null || retry.on.includes(kind)) && ["userError", "timeout", "exit"].includes(kind);
    const budget = isLost ? state.submitted.options.lossesMax : isListed ? retry.times : 0;
    assert.equal(isRetried, !this.#isStopping && earlier < budget, `I8: whether ${event.task} is retried after ${earlier} failures`);
    if (!isRetried) return;
    spent.set(event.task, earlier + 1);
    const waited = task.state.kind === "backoff" ? task.state.dueMs - event.atMs : 0;
    if (isLost || retry === null) {
      const seconds = earlier === 0 ? 0 : Math.min(30, 2 ** (earlier - 1));
      return assert.ok(waited >= 750 * seconds && waited <= 1250 * seconds, `I8: loss ${earlier} of ${event.task} waits for ${waited} ms`);
    }
    const minutes = Math.min(retry.minutesBetween * (earlier === 0 ? 1 : retry.backoff), retry.maxMinutes);
    assert.equal(waited, minutes * 60_000, `I8: back-off of ${event.task}`);
  }
}

function isEnded(task: Task | undefined): boolean {
  return task?.state.kind === "failed" || task?.state.kind === "cancelled";
}

export function keyOf(effect: Effect): string {
  switch (effect.kind) {
    case "begin":
      return "begin";
    case "finish":
      return `finish ${effect.status}`;
    case "enqueue":
      return `enqueue ${effect.task} ${effect.attempt}`;
    case "setTimer":
      return `setTimer ${effect.task} ${effect.attempt} ${effect.dueMs}`;
    case "stop":
      return `stop ${effect.task} ${effect.attempt} ${effect.lease}`;
    default:
      return unreachable(effect);
  }
}

/** Everything that counts in a state, as text. */
function dump(state: RunState): string {
  const tasks = state.order.map(({ id, state, attempts, userFailures, losses, returns }) => {
    return { id, state, attempts, userFailures, losses, returns };
  });
  const queues = [state.ready, state.running, state.backingOff, state.failed].map((set) => Array.from(set, ({ id }) => id));
  return JSON.stringify([summaryOf(state), statusOf(state), runView(state, null).steps, tasks, queues, state.stopping]);
}
