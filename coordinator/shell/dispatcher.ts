// Brings ready tasks to workers: publishes them, takes them from the queue while workers ask for more, and assigns.
//
// P1. A hint from the queue starts nothing by itself: the run's state says whether the attempt is still ready.
// P2. No more is taken from the queue than connected workers have asked for.
// P3. An assignment that begins an epoch of lease numbers leaves after its start is durable (lease-numbers.ts), any other at once.

import type { RunId } from "../../proto/ids.ts";
import { decideStart } from "../core/decide.ts";
import { orderFor } from "../core/order.ts";
import type { Clock } from "../ports/clock.ts";
import type { QueuedTask, TakenTask, TaskQueue } from "../ports/task-queue.ts";
import { heldOf, timeoutBackstop, type Assignment } from "./assignment.ts";
import type { Drivers } from "./drivers.ts";
import { errorField, type CoordinatorLog } from "./log.ts";
import type { RunDriver } from "./run-driver.ts";
import type { Worker, Workers } from "./workers.ts";

export type DispatcherOptions = {
  readonly queue: TaskQueue;
  readonly clock: Clock;
  readonly log: CoordinatorLog;
  readonly workers: Workers;
  readonly drivers: Drivers;
  readonly beatMs: number;
};

/** All workers take the same kind of task as yet. */
const pool = "default";
const takenAtOnceMax = 256;
const takeWaitMs = 10_000;
/** Taken, but no worker that asked for work may have it. */
const notNowMs = 500;
/** Published hints that nobody took are published again; looked for that often. Milliseconds. */
const reconcileMs = 3000;
/** Beats that may be missing before a worker gets no further work. */
const beatsMissedMax = 3;

export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #notReady = new Set<RunDriver>();
  #taking = false;
  #publishing = false;
  #closed = false;
  #cancelReconcile: () => void = () => undefined;

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.#reconcileLater();
  }

  /** More of the run's tasks may be published: soon, together with those of other events of this turn. */
  publishSoon(driver: RunDriver): void {
    this.#notReady.add(driver);
    if (this.#publishing) return;
    this.#publishing = true;
    queueMicrotask(() => {
      this.#publishing = false;
      const drivers = [...this.#notReady];
      this.#notReady.clear();
      const tasks = drivers.flatMap((one) => (one.ended ? [] : one.publication.refill(this.#options.clock.monotonicMs())));
      this.#publish(tasks);
    });
  }

  /** Workers have asked for more. */
  takeSoon(): void {
    if (this.#taking || this.#closed || this.#options.workers.credit === 0) return;
    this.#taking = true;
    const max = Math.min(takenAtOnceMax, this.#options.workers.credit); // P2
    this.#options.queue
      .take(pool, max, takeWaitMs)
      .then((taken) => taken.forEach((one) => this.#dispatch(one)))
      .catch((error: unknown) => {
        this.#options.log.error({ event: "queue.take", err: errorField(error) }, "the task queue gives nothing; trying again");
        return new Promise<void>((resolve) => this.#options.clock.after(notNowMs, resolve));
      })
      .finally(() => {
        this.#taking = false;
        this.takeSoon();
      });
  }

  close(): void {
    this.#closed = true;
    this.#cancelReconcile();
  }

  #publish(tasks: readonly QueuedTask[]): void {
    if (tasks.length === 0 || this.#closed) return;
    this.#options.queue.publish(pool, tasks).catch((error: unknown) => {
      // The reconciler publishes them again.
      this.#options.log.warn({ event: "queue.publish", err: errorField(error) }, "ready tasks could not be published");
    });
  }

  #dispatch(taken: TakenTask): void {
    if (this.#closed) return taken.nak(0);
    const { queued } = taken;
    const driver = this.#options.drivers.get(queued.run);
    const task = driver?.state.tasks.get(queued.task);
    if (driver === undefined || task === undefined || task.state.kind !== "ready") {
      driver?.publication.remove(queued.task);
      return taken.ack(); // P1
    }
    if (task.attempts.length !== queued.attempt) return taken.ack(); // P1
    const worker = this.#choose(queued.run);
    if (worker === null) return this.#handBack(taken, driver);
    taken.ack();
    if (!this.#assign(driver, queued, worker)) this.#options.workers.addCredit(worker, 1);
  }

  /** Copies of a hint that nobody may take are dropped, else they would hide from the reconciler what is lost. */
  #handBack(taken: TakenTask, { publication }: RunDriver): void {
    const nowMs = this.#options.clock.monotonicMs();
    // Half of the time: what comes back a little early is no copy.
    if (publication.handBack(taken.queued.task, nowMs, nowMs + notNowMs / 2)) taken.nak(notNowMs);
    else taken.ack();
  }

  #choose(run: RunId): Worker | null {
    const { workers, clock, beatMs } = this.#options;
    return workers.choose(run, clock.monotonicMs() - beatsMissedMax * beatMs);
  }

  #assign(driver: RunDriver, queued: QueuedTask, worker: Worker): boolean {
    const { clock, log } = this.#options;
    const { run, task, attempt } = queued;
    const { lease, durableFirst } = driver.leases.peek();
    const send = (): void => {
      if (driver.assignments.get(task) !== assignment) return;
      const order = Buffer.from(JSON.stringify(orderFor(driver.state, task, { lease })));
      worker.line?.send({ kind: "assign", of: heldOf(assignment), order });
    };
    const start = decideStart(driver.state, { task, attempt, lease, worker: worker.id, atMs: clock.nowMs() });
    const nowMs = clock.monotonicMs();
    const backstop = timeoutBackstop(driver.state.tasks.get(task), nowMs);
    const assignment: Assignment = { run, task, attempt, lease, worker: worker.id, heldAtMs: nowMs, backstop, lines: 0 };
    const refusal = driver.propose(start, durableFirst ? send : null); // P3
    if (refusal !== null) {
      if (refusal.reason === "noRoom") driver.publication.giveBack(task, attempt);
      else driver.publication.remove(task);
      log.debug({ event: "task.notStarted", run_id: run, task_id: task, attempt, reason: refusal.message }, "a ready task was not started");
      return false;
    }
    driver.leases.take();
    driver.publication.remove(task);
    driver.assignments.set(task, assignment);
    worker.assignments.add(assignment);
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

  /** Hints are lost where the queue holds fewer than were published. That also bounds it: it never gets more than twice as many. */
  async #reconcile(): Promise<void> {
    const { queue, clock, drivers, log } = this.#options;
    let depth: number;
    try {
      depth = await queue.depth(pool);
    } catch (error) {
      return log.warn({ event: "queue.depth", err: errorField(error) }, "the task queue does not answer");
    }
    const nowMs = clock.monotonicMs();
    let published = 0;
    for (const { publication } of drivers.all()) published += publication.size;
    for (const driver of drivers.all()) {
      if (depth < published) this.#publish(driver.publication.olderThan(nowMs - reconcileMs, nowMs));
      this.publishSoon(driver);
    }
    this.takeSoon();
  }
}
