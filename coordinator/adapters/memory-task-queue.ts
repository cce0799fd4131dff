// Ready tasks in this process's memory. It forgets everything when the process ends, and may: a queue is a hint.
// Invariants: Q1. a task is given out again until it is acknowledged, one taker at a time. Q2. an acknowledgement counts
// however late it comes. Q3. waiting takers are served in the order in which they came.

import type { Clock } from "../ports/clock.ts";
import type { QueueHealth, QueuedTask, TakenTask, TaskQueue } from "../ports/task-queue.ts";

/** Probabilities, from 0 to 1, of what a real queue may do to a published task. `random` yields numbers from 0 up to 1. */
export type QueueFaults = { readonly random: () => number; readonly lose: number; readonly duplicate: number; readonly reorder: number };

export type MemoryTaskQueueOptions = {
  readonly clock: Clock;
  /** A taken task that is not acknowledged for this long is given out again. */
  readonly ackWaitMs: number;
  readonly faults?: QueueFaults;
};

type Message = { readonly queued: QueuedTask; acknowledged: boolean; deliveries: number };
type Taker = { readonly max: number; readonly serve: (tasks: readonly TakenTask[]) => void };

/** A first-in-first-out list whose front is cheap to take. */
class Waiting {
  #items: Message[] = [];
  #first = 0;

  push(message: Message): void {
    this.#items.push(message);
  }

  /** Puts the message somewhere among the waiting ones; `at` is from 0 up to 1. */
  insert(message: Message, at: number): void {
    this.#items.splice(this.#first + Math.floor(at * (this.#items.length - this.#first + 1)), 0, message);
  }

  shift(): Message | undefined {
    const message = this.#items[this.#first];
    if (message === undefined) return undefined;
    this.#first++;
    if (this.#first > 1024 && this.#first * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#first);
      this.#first = 0;
    }
    return message;
  }

  /** How many still wait for a taker: one acknowledged late may still lie in the list. */
  count(): number {
    let count = 0;
    for (let i = this.#first; i < this.#items.length; i++) if (this.#items[i]?.acknowledged === false) count++;
    return count;
  }
}

class Pool {
  readonly waiting = new Waiting();
  readonly takers: Taker[] = [];
}

export class MemoryTaskQueue implements TaskQueue {
  readonly #clock: Clock;
  readonly #ackWaitMs: number;
  readonly #faults: QueueFaults | null;
  readonly #pools = new Map<string, Pool>();
  /** Cancels the time-outs of taken tasks. */
  readonly #timers = new Set<() => void>();
  readonly #sinceMs: number;
  #closed = false;

  constructor(options: MemoryTaskQueueOptions) {
    this.#sinceMs = options.clock.nowMs();
    this.#clock = options.clock;
    this.#ackWaitMs = options.ackWaitMs;
    this.#faults = options.faults ?? null;
  }

  async publish(pool: string, tasks: readonly QueuedTask[]): Promise<void> {
    if (this.#closed) return;
    const { waiting } = this.#pool(pool);
    for (const queued of tasks) this.#publishOne(waiting, queued);
    this.#serve(pool);
  }

  #publishOne(waiting: Waiting, queued: QueuedTask): void {
    const faults = this.#faults;
    const message = (): Message => ({ queued, acknowledged: false, deliveries: 0 });
    if (faults === null) return waiting.push(message());
    if (faults.random() < faults.lose) return;
    const copies = faults.random() < faults.duplicate ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      if (faults.random() < faults.reorder) waiting.insert(message(), faults.random());
      else waiting.push(message());
    }
  }

  take(pool: string, max: number, waitMs: number): Promise<readonly TakenTask[]> {
    const ready = this.#closed ? [] : this.#takeReady(pool, max);
    if (ready.length > 0 || this.#closed || waitMs <= 0) return Promise.resolve(ready);
    return new Promise((resolve) => {
      const { takers } = this.#pool(pool);
      const stop = this.#timer(waitMs, () => {
        takers.splice(takers.indexOf(taker), 1);
        resolve([]);
      });
      const taker: Taker = {
        max,
        serve: (tasks) => {
          stop();
          resolve(tasks);
        },
      };
      takers.push(taker);
    });
  }

  async depth(pool: string): Promise<number> {
    return this.#pools.get(pool)?.waiting.count() ?? 0;
  }

  health(): QueueHealth {
    return { reachable: true, sinceMs: this.#sinceMs };
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const cancel of this.#timers) cancel();
    this.#timers.clear();
    for (const { takers } of this.#pools.values()) for (const taker of takers.splice(0)) taker.serve([]);
    this.#pools.clear();
  }

  #pool(name: string): Pool {
    const known = this.#pools.get(name);
    if (known !== undefined) return known;
    const pool = new Pool();
    this.#pools.set(name, pool);
    return pool;
  }

  #serve(name: string): void {
    const { takers } = this.#pool(name);
    for (let taker = takers[0]; taker !== undefined; taker = takers[0]) {
      const tasks = this.#takeReady(name, taker.max);
      if (tasks.length === 0) return;
      takers.shift();
      taker.serve(tasks);
    }
  }

  #takeReady(name: string, max: number): TakenTask[] {
    const { waiting } = this.#pool(name);
    const taken: TakenTask[] = [];
    while (taken.length < max) {
      const message = waiting.shift();
      if (message === undefined) break;
      if (!message.acknowledged) taken.push(this.#give(name, message));
    }
    return taken;
  }

  #give(pool: string, message: Message): TakenTask {
    const delivery = ++message.deliveries;
    const putBack = (): void => {
      if (message.acknowledged || this.#closed) return;
      this.#pool(pool).waiting.push(message);
      this.#serve(pool);
    };
    let stop = this.#timer(this.#ackWaitMs, putBack);
    let refused = false;
    return {
      queued: message.queued,
      ack: () => {
        message.acknowledged = true; // Q2
        stop();
      },
      nak: (delayMs) => {
        // Q1: whoever holds it no longer, or has refused it already, puts nothing back.
        if (message.acknowledged || refused || message.deliveries !== delivery || !this.#timers.has(stop)) return;
        refused = true;
        stop();
        if (delayMs <= 0) return putBack();
        stop = this.#timer(delayMs, putBack);
      },
    };
  }

  #timer(delayMs: number, callback: () => void): () => void {
    const cancelAlarm = this.#clock.after(delayMs, () => {
      this.#timers.delete(stop);
      callback();
    });
    const stop = (): void => {
      this.#timers.delete(stop);
      cancelAlarm();
    };
    this.#timers.add(stop);
    return stop;
  }
}
