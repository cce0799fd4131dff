// A model of everything around the core: ledger, queue, timers, workers, and all that goes wrong with them.
//
// W1. The ledger is the truth: an event in it is never lost, everything else may be.
// W2. Faults are drawn from the seed; after `heal` there are none, and the reconciler alone must bring the run to its end.

import assert from "node:assert/strict";
import type { RunEvent } from "../../proto/event.ts";
import type { TaskId } from "../../proto/ids.ts";
import type { TaskOrder, TaskOutcome } from "../../proto/order.ts";
import { advance, fold } from "../../coordinator/core/advance.ts";
import {
  decideBegin,
  decideCancel,
  decideLost,
  decideOutcome,
  decideRetry,
  decideRetryDue,
  decideStart,
} from "../../coordinator/core/decide.ts";
import type { Decision } from "../../coordinator/core/decision.ts";
import { outstanding, type Effect } from "../../coordinator/core/effect.ts";
import { orderFor } from "../../coordinator/core/order.ts";
import type { RunState } from "../../coordinator/core/state.ts";
import { statusOf } from "../../coordinator/core/status.ts";
import { decideTags } from "../../coordinator/core/tags.ts";
import type { Script } from "./behaviour.ts";
import { Checker } from "./checker.ts";
import type { RandomFlow } from "./graph.ts";
import type { Random } from "./random.ts";
import { execute, stopped } from "./worker.ts";

type Queued = { readonly task: TaskId; readonly attempt: number };
/** Workers that were given up report all the same. */
type InFlight = { readonly order: TaskOrder; stopBy: string | null; isReported: boolean };

export type WorldInput = { readonly flow: RandomFlow; readonly script: Script; readonly random: Random; readonly faults: Faults };

/** How often things go wrong, as shares. */
export type Faults = { readonly crash: number; readonly queue: number; readonly lose: number; readonly interfere: number };

export class World {
  readonly ledger: RunEvent[];
  /** Attempts the script made fail, by task. */
  readonly failedBefore = new Map<TaskId, number>();
  readonly checker: Checker;
  state: RunState;
  nowMs = 1_000_000;
  /** Whether anybody but the script had a hand in the outcome. */
  isDisturbed = false;
  readonly #input: WorldInput;
  readonly #random: Random;
  #faults: Faults;
  #queue: Queued[] = [];
  #timers: Queued[] = [];
  #inFlight: InFlight[] = [];
  #lease = 0;

  constructor(input: WorldInput, history: readonly RunEvent[]) {
    this.#input = input;
    this.#random = input.random;
    this.#faults = input.faults;
    this.checker = new Checker(input.flow);
    this.ledger = [...history];
    this.state = fold(history);
    for (const event of history) this.checker.after(this.state, event, outstanding(this.state));
    this.#perform(outstanding(this.state));
  }

  /** One thing happens, whatever the draw says. */
  act(): void {
    this.nowMs += this.#random.below(90_000);
    if (this.#random.chance(0.02)) this.nowMs += (this.#random.chance(0.5) ? 1 : -1) * 3_600_000;
    const draw = this.#random.next();
    if (draw < 0.4) this.#dispatch();
    else if (draw < 0.78) this.#report();
    else if (draw < 0.88) this.#fireTimer();
    else if (draw < 0.94) this.#perform(outstanding(this.state));
    else this.#misfortune();
  }

  /** Faults end; everything volatile is forgotten, and the reconciler goes on from the state. */
  heal(): void {
    this.#faults = { crash: 0, queue: 0, lose: 0, interfere: 0 };
    this.#queue = [];
    this.#timers = [];
  }

  /** Without faults: one round of reconciling, dispatching, reporting. */
  settle(): void {
    this.nowMs += 60_000;
    this.#perform(outstanding(this.state));
    while (this.#queue.length > 0) this.#dispatch();
    while (this.#timers.length > 0) this.#fireTimer();
    while (this.#inFlight.some((each) => !each.isReported)) this.#report();
    for (const { id } of Array.from(this.state.running)) this.#lose(id);
    this.#inFlight = [];
  }

  isFinished(): boolean {
    return this.state.finishedAtMs !== null;
  }

  retry(tasks: readonly TaskId[] | null): boolean {
    return this.#commit(decideRetry(this.state, { by: "tester", tasks, atMs: this.nowMs }));
  }

  #dispatch(): void {
    const place = this.#random.below(this.#queue.length);
    const [queued] = this.#random.chance(this.#faults.queue) ? this.#queue.slice(place, place + 1) : this.#queue.splice(place, 1);
    if (queued === undefined) return;
    this.#lease += 1;
    const lease = this.#lease;
    const request = { ...queued, lease, worker: `w${this.#random.below(3)}`, atMs: this.nowMs };
    const decision = decideStart(this.state, request);
    // The assignment leaves before its event is durable: after a crash a worker runs what the ledger knows nothing of.
    if (decision.kind === "accepted" && this.#random.chance(this.#faults.crash / 3)) {
      this.#inFlight.push({ order: orderFor(this.state, queued.task, { lease }), stopBy: null, isReported: false });
      return this.#crash();
    }
    if (!this.#commit(decision)) return;
    const task = this.state.tasks.get(queued.task);
    if (task?.state.kind !== "running") return;
    const order = orderFor(this.state, queued.task, { lease });
    assert.equal(order.attempt, queued.attempt);
    this.checker.ordered(order);
    // The assignment may be written to a dead stream: nobody runs it.
    if (!this.#random.chance(this.#faults.lose)) this.#inFlight.push({ order, stopBy: null, isReported: false });
  }

  #report(): void {
    const flight = this.#inFlight[this.#random.below(this.#inFlight.length)];
    if (flight === undefined) return;
    flight.isReported = true;
    const { task, attempt, lease } = flight.order;
    const outcome = this.#outcomeOf(flight);
    this.#commit(decideOutcome(this.state, { task, attempt, lease, outcome, atMs: this.nowMs }));
    // Some report again, later; a report that was refused or fell into a crash must come again in any case.
    const isHeld = this.state.tasks.get(task)?.attempts.at(-1)?.lease === lease && this.state.tasks.get(task)?.state.kind === "running";
    if (isHeld) flight.isReported = false;
    else if (!this.#random.chance(0.15)) this.#inFlight.splice(this.#inFlight.indexOf(flight), 1);
  }

  #outcomeOf({ order, stopBy }: InFlight): TaskOutcome {
    if (stopBy !== null && this.#random.chance(0.8)) return stopped(stopBy);
    const { flow, script } = this.#input;
    return execute({ flow, script, order, failedBefore: this.failedBefore.get(order.task) ?? 0 });
  }

  #fireTimer(): void {
    const place = this.#random.below(this.#timers.length);
    const [timer] = this.#random.chance(this.#faults.queue) ? this.#timers.slice(place, place + 1) : this.#timers.splice(place, 1);
    if (timer !== undefined) this.#commit(decideRetryDue(this.state, { ...timer, atMs: this.nowMs }));
  }

  #misfortune(): void {
    const { lose, interfere, crash } = this.#faults;
    const draw = this.#random.next();
    if (draw < lose) {
      const running = [...this.state.running];
      if (running.length > 0) this.#lose(this.#random.pick(running).id);
    } else if (draw < lose + interfere) this.#interfere();
    else if (this.#random.chance(crash)) this.#crash();
  }

  #lose(task: TaskId): void {
    const attempt = this.state.tasks.get(task)?.attempts.at(-1);
    if (attempt === undefined) return;
    this.#commit(
      decideLost(this.state, { task, ...attempt, how: this.#random.pick(["lost", "lost", "undelivered", "drained"]), atMs: this.nowMs }),
    );
    if (this.state.tasks.get(task)?.state.kind === "failed" || this.state.tasks.get(task)?.state.kind === "succeeded")
      this.isDisturbed = true;
  }

  #interfere(): void {
    const draw = this.#random.below(4);
    const atMs = this.nowMs;
    if (draw === 0) this.#commit(decideCancel(this.state, { by: "tester", atMs }));
    else if (draw === 1)
      this.#commit(
        decideTags(this.state, { by: "tester", add: [`t${this.#random.below(4)}`], remove: [`t${this.#random.below(4)}`], atMs }),
      );
    else if (draw === 2) this.retry(null);
    else this.retry(this.state.order.filter(() => this.#random.chance(0.5)).map(({ id }) => id));
    if (draw !== 1) this.isDisturbed = true;
  }

  /** Appends, advances, performs; a crash may come in between any two of these. */
  #commit(decision: Decision): boolean {
    if (decision.kind === "refused") return false;
    const { crash } = this.#faults;
    if (this.#random.chance(crash / 3)) {
      this.#crash();
      return false;
    }
    const effects: Effect[] = [];
    for (const event of decision.events) {
      this.ledger.push(event);
      const caused = advance(this.state, event);
      this.checker.after(this.state, event, caused);
      this.#remember(event);
      effects.push(...caused);
    }
    const isCutShort = this.#random.chance((crash * 2) / 3);
    // None of the effects is performed, some are, or all; then the process may die.
    this.#perform(isCutShort ? effects.slice(0, this.#random.below(effects.length + 1)) : effects);
    if (isCutShort) this.#crash();
    return true;
  }

  #remember(event: RunEvent): void {
    if (event.kind !== "taskFailed" || ["lost", "returned", "cancelled"].includes(event.failure.kind)) return;
    this.failedBefore.set(event.task, (this.failedBefore.get(event.task) ?? 0) + 1);
  }

  /** The coordinator's process dies and another takes over; its queue and its timers may be gone. */
  #crash(): void {
    const before = this.state;
    this.state = fold(this.ledger);
    this.checker.recovered(before, this.state);
    this.#timers = [];
    if (this.#random.chance(0.5)) this.#queue = [];
    this.#perform(outstanding(this.state));
  }

  #perform(effects: readonly Effect[]): void {
    for (const effect of effects) this.#effect(effect);
  }

  #effect(effect: Effect): void {
    switch (effect.kind) {
      case "begin":
        this.#commit(decideBegin(this.state, { atMs: this.nowMs }));
        return;
      case "enqueue":
        if (this.#random.chance(this.#faults.queue)) return;
        this.#queue.push({ task: effect.task, attempt: effect.attempt });
        if (this.#random.chance(this.#faults.queue)) this.#queue.push({ task: effect.task, attempt: effect.attempt });
        return;
      case "setTimer":
        if (!this.#random.chance(this.#faults.queue)) this.#timers.push({ task: effect.task, attempt: effect.attempt });
        return;
      case "stop":
        for (const flight of this.#inFlight)
          if (flight.order.task === effect.task && flight.order.lease === effect.lease) flight.stopBy = effect.by;
        return;
      case "finish":
        assert.equal(effect.status, statusOf(this.state));
    }
  }
}
