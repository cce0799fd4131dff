// Brings ready tasks to workers: publishes them, takes them from the queues while workers ask for more, and assigns.
//
// P1. A hint from a queue starts nothing by itself: the run's state says whether the attempt is still ready, and a hint that
//     is not known to be out is dropped. It is acknowledged at once: what it says is in the state.
// P2. No more is taken from a queue at a time than connected workers of its pool have asked for.
// P3. An assignment that begins an epoch of lease numbers leaves after its start is durable (lease-numbers.ts), any other at once.
// P4. What found no room is given to the next worker that has some, before anything else is taken; after `reserveAfterMs` a
//     worker is kept free of others for it, so that smaller tasks don't hold it up for ever.

import { decideStart } from "../core/decide.ts";
import { nearTo } from "../core/near.ts";
import type { Clock } from "../ports/clock.ts";
import type { QueuedTask, TakenTask, TaskQueue } from "../ports/task-queue.ts";
import { heldOf, timeoutBackstop, type Assignment } from "./assignment.ts";
import type { Backlog, Pool, Shape } from "./backlog.ts";
import type { Drivers } from "./drivers.ts";
import { errorField, type CoordinatorLog } from "./log.ts";
import type { Observer } from "./observer.ts";
import { isReady, type Hint } from "./publication.ts";
import type { RunDriver } from "./run-driver.ts";
import type { Worker, Workers } from "./workers.ts";

export type DispatcherOptions = {
  readonly queue: TaskQueue;
  readonly clock: Clock;
  readonly log: CoordinatorLog;
  readonly workers: Workers;
  readonly backlog: Backlog;
  readonly drivers: Drivers;
  readonly observer: Observer;
  readonly beatMs: number;
};

const takenAtOnceMax = 256;
const takeWaitMs = 10_000;
/** After the queue has failed. Milliseconds. */
const takeAgainMs = 500;
/** Published hints that nobody took are published again; looked for that often. Milliseconds. */
const reconcileMs = 3000;
/** Beats that may be missing before a worker gets no further work. */
const beatsMissedMax = 3;
/** How long a task may find no room before a worker is kept free for it. Milliseconds. */
export const reserveAfterMs = 10_000;

export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #takingFrom = new Set<string>();
  readonly #refilled = new Set<RunDriver>();
  /** Workers that are kept free for tasks of a shape (P4). */
  readonly #reserved = new Map<Shape, Worker>();
  #publishing = false;
  #closed = false;
  #cancelReconcile: () => void = () => undefined;

  constructor(options: DispatcherOptions) {
    this.#options = options;
    options.backlog.onOpen = () => this.#publishLater();
    this.#reconcileLater();
  }

  /** More of the run's tasks may be published: soon, together with those of other events of this turn. */
  publishSoon(driver: RunDriver): void {
    this.#refilled.add(driver);
    this.#publishLater();
  }

  /** Workers have asked for more, or have room again. */
  takeSoon(): void {
    if (this.#closed) return;
    if (this.#options.backlog.parked.size + this.#reserved.size > 0) this.#placeParked(); // P4
    for (const { name } of this.#options.backlog.pools()) this.#takeFrom(name);
  }

  close(): void {
    this.#closed = true;
    this.#cancelReconcile();
  }

  #takeFrom(pool: string): void {
    const { queue, workers, log, clock } = this.#options;
    const credit = workers.creditIn(pool);
    if (this.#closed || credit === 0 || this.#takingFrom.has(pool)) return;
    this.#takingFrom.add(pool);
    queue
      .take(pool, Math.min(takenAtOnceMax, credit), takeWaitMs) // P2
      .then((taken) => taken.forEach((one) => this.#taken(one)))
      .catch((error: unknown) => {
        log.error({ event: "queue.take", pool, err: errorField(error) }, "the task queue gives nothing; trying again");
        return new Promise<void>((resolve) => clock.after(takeAgainMs, resolve));
      })
      .finally(() => {
        this.#takingFrom.delete(pool);
        this.#takeFrom(pool);
      });
  }

  #publishLater(): void {
    if (this.#publishing) return;
    this.#publishing = true;
    queueMicrotask(() => {
      for (const driver of this.#refilled) if (!driver.ended) driver.publication.refill();
      this.#refilled.clear();
      const filled = this.#options.backlog.fill(this.#options.clock.monotonicMs());
      this.#publishing = false;
      for (const [pool, tasks] of filled) {
        this.#publish(pool, tasks);
        this.#takeFrom(pool);
      }
    });
  }

  #publish(pool: string, tasks: readonly QueuedTask[]): void {
    if (tasks.length === 0 || this.#closed) return;
    this.#options.queue.publish(pool, tasks).catch((error: unknown) => {
      // The reconciler publishes them again. A queue that cannot be reached says so itself, once.
      if (this.#options.queue.health().reachable)
        this.#options.log.warn({ event: "queue.publish", pool, err: errorField(error) }, "ready tasks could not be published");
    });
  }

  #taken(taken: TakenTask): void {
    if (this.#closed) return taken.nak(0);
    taken.ack();
    const { queued } = taken;
    const driver = this.#options.drivers.get(queued.run);
    const hint = driver?.publication.taken(queued) ?? null;
    if (driver === undefined || hint === null) return; // P1
    if (!this.#place(driver, hint)) this.#options.backlog.park(hint, this.#options.clock.monotonicMs());
  }

  #placeParked(): void {
    const { backlog, drivers } = this.#options;
    for (const shape of backlog.parked) {
      for (let hint = backlog.firstParked(shape); hint !== null; hint = backlog.firstParked(shape)) {
        const driver = drivers.get(hint.run);
        if (driver === undefined || !isReady(hint)) hint.lane.publication.drop(hint);
        else if (!this.#place(driver, hint)) {
          this.#reserve(shape, hint);
          break;
        }
      }
    }
    for (const [shape, worker] of this.#reserved) {
      if (worker.reservedFor === shape.key && backlog.parked.has(shape)) continue;
      if (worker.reservedFor === shape.key) worker.reservedFor = null;
      this.#reserved.delete(shape);
    }
  }

  #reserve(shape: Shape, hint: Hint): void {
    const { workers, clock, log } = this.#options;
    if (shape.parkedSinceMs === null || clock.monotonicMs() - shape.parkedSinceMs < reserveAfterMs) return;
    if (this.#reserved.get(shape)?.reservedFor === shape.key) return;
    const { needs, key, bond } = shape;
    const worker = workers.reserve({ needs, whose: hint.lane.whose, shape: key, bond, silentSinceMs: this.#silentSinceMs() });
    if (worker === null) return;
    this.#reserved.set(shape, worker);
    const fields = { event: "worker.reserved", worker_id: worker.id, run_id: hint.run, task_id: hint.task.id };
    log.info(fields, "a worker is kept free for a task that has found no room");
  }

  #silentSinceMs(): number {
    return this.#options.clock.monotonicMs() - beatsMissedMax * this.#options.beatMs;
  }

  /** False where no worker has room for it. */
  #place(driver: RunDriver, hint: Hint): boolean {
    const { shape, lane } = hint;
    const worker = this.#options.workers.choose({
      needs: shape.needs,
      whose: lane.whose,
      shape: shape.key,
      bond: shape.bond,
      near: nearTo(hint.task),
      silentSinceMs: this.#silentSinceMs(),
    });
    if (worker === null) return false;
    if (!this.#assign(driver, hint, worker)) this.#options.workers.addCredit(worker, 1);
    return true;
  }

  #assign(driver: RunDriver, hint: Hint, worker: Worker): boolean {
    const { clock, log, workers, observer } = this.#options;
    const { run, attempt, counted } = hint;
    const task = hint.task.id;
    const { lease, durableFirst } = driver.leases.peek();
    const send = (): void => {
      if (driver.assignments.get(task) !== assignment) return;
      const order = Buffer.from(JSON.stringify(driver.orderFor(task, lease)));
      worker.line?.send({ kind: "assign", of: heldOf(assignment), order });
    };
    const start = decideStart(driver.state, { task, attempt, lease, worker: worker.id, token: worker.tokenId, atMs: clock.nowMs() });
    const nowMs = clock.monotonicMs();
    const backstop = timeoutBackstop(hint.task, nowMs);
    const held = { run, task, attempt, lease, worker: worker.id, needs: hint.shape.needs, counted };
    const assignment: Assignment = {
      ...held,
      heldAtMs: nowMs,
      acknowledged: false,
      backstop,
      lines: 0,
      output: { next: 0, written: 0, told: 0 },
    };
    const refusal = driver.propose(start, durableFirst ? send : null); // P3
    if (refusal !== null) {
      if (refusal.reason === "noRoom") driver.publication.giveBack(hint);
      else driver.publication.drop(hint);
      log.debug({ event: "task.notStarted", run_id: run, task_id: task, attempt, reason: refusal.message }, "a ready task was not started");
      return false;
    }
    driver.leases.take();
    const waitedMs = nowMs - hint.sinceMs;
    driver.publication.started(hint, nowMs);
    driver.assignments.set(task, assignment);
    workers.hold(worker, assignment);
    observer.assigned(driver.state, assignment, waitedMs);
    if (!durableFirst) send();
    return true;
  }

  #reconcileLater(): void {
    const reconcile = (): void => {
      void this.#reconcile().finally(() => {
        if (!this.#closed) this.#reconcileLater();
      });
    };
    this.#cancelReconcile = this.#options.clock.after(reconcileMs, reconcile, { background: true });
  }

  async #reconcile(): Promise<void> {
    const { backlog, drivers } = this.#options;
    for (const publication of backlog.publications()) publication.dropStale();
    await Promise.all(Array.from(backlog.pools(), (pool) => this.#reconcilePool(pool)));
    for (const driver of drivers.all()) this.publishSoon(driver);
    this.takeSoon();
  }

  /** Hints are lost where the queue holds fewer than were published. That also bounds it: it never gets more than twice as many. */
  async #reconcilePool(pool: Pool): Promise<void> {
    const { queue, clock, backlog, log } = this.#options;
    const { name } = pool;
    // A queue that was never asked for need not exist.
    if (pool.queued === 0) return;
    let depth: number;
    try {
      depth = await queue.depth(name);
    } catch (error) {
      if (queue.health().reachable)
        log.warn({ event: "queue.depth", pool: name, err: errorField(error) }, "the task queue does not answer");
      return;
    }
    if (depth >= pool.queued) return;
    const nowMs = clock.monotonicMs();
    for (const publication of backlog.publications()) this.#publish(name, publication.olderThan(name, nowMs - reconcileMs, nowMs));
  }
}
