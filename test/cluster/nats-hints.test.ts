import assert from "node:assert/strict";
import { test } from "node:test";
import type { QueuedTask, TaskQueue } from "../../coordinator/ports/task-queue.ts";
import { Random } from "../simulation/random.ts";
import { NatsCluster } from "./nats-cluster.ts";

const options = { timeout: 60_000 };

/** Of the tasks published first: what is lost or late costs seconds, since nobody but the reconciler notices. */
const lostAmong = 40;

/** Forgets some at first, publishes a tenth twice, keeps a tenth back until the next time, and repeats old ones; in any order. */
class Unreliable implements Pick<TaskQueue, "publish"> {
  readonly #inner: TaskQueue;
  readonly #random: Random;
  readonly #old: QueuedTask[] = [];
  #late: QueuedTask[] = [];
  readonly counts = { twice: 0, late: 0, lost: 0, old: 0 };

  constructor(inner: TaskQueue, random: Random) {
    this.#inner = inner;
    this.#random = random;
  }

  publish(pool: string, tasks: readonly QueuedTask[]): Promise<void> {
    const sent: QueuedTask[] = this.#late;
    this.#late = [];
    for (const task of tasks) {
      const drawn = this.#random.next();
      if (this.#old.length < lostAmong && drawn < 0.1) this.counts.lost += 1;
      else if (this.#old.length < lostAmong && drawn < 0.2) this.counts.late += this.#late.push(task) > 0 ? 1 : 0;
      else sent.push(task);
      if (drawn > 0.9) this.counts.twice += sent.push(task) > 0 ? 1 : 0;
      const old = this.#old[Math.floor(this.#random.next() * this.#old.length * 10)];
      if (old !== undefined) this.counts.old += sent.push(old) > 0 ? 1 : 0;
      this.#old.push(task);
    }
    // In another order, too.
    const keyed = sent.map((task) => ({ task, key: this.#random.next() })).toSorted((a, b) => a.key - b.key);
    return this.#inner.publish(
      pool,
      keyed.map(({ task }) => task),
    );
  }
}

test("hints that are lost, late, repeated, old and in another order cost time only", options, async (t) => {
  const seed = 7;
  let unreliable: Unreliable | null = null;
  const cluster = await NatsCluster.open(t, (queue) => {
    const between = new Unreliable(queue, new Random(seed));
    unreliable = between;
    return {
      publish: (pool, tasks) => between.publish(pool, tasks),
      take: (pool, max, waitMs) => queue.take(pool, max, waitMs),
      depth: (pool) => queue.depth(pool),
      health: () => queue.health(),
      close: () => queue.close(),
    };
  });
  const n = 200;
  const run = await cluster.submit(n, 5);
  await cluster.assertRight(run, n, await cluster.follow(run));
  const counts = (unreliable as Unreliable | null)?.counts;
  assert.ok(counts !== undefined && Math.min(...Object.values(counts)) >= 1, JSON.stringify(counts));
});
