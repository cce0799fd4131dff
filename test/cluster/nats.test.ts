import assert from "node:assert/strict";
import { test } from "node:test";
import { connect } from "nats";
import type { QueuedTask, TaskQueue } from "../../coordinator/ports/task-queue.ts";
import type { RunId } from "../../proto/ids.ts";
import type { TaskCounts } from "../../proto/view.ts";
import { Random } from "../simulation/random.ts";
import { NatsCluster } from "./nats-cluster.ts";

const options = { timeout: 60_000 };

test("a run goes on while NATS is killed, loses stream, consumer and disk: each task is started and accepted once", options, async (t) => {
  const cluster = await NatsCluster.open(t);
  const { server, prefix } = cluster;
  const meddle = async (
    act: (streams: Awaited<ReturnType<Awaited<ReturnType<typeof connect>>["jetstreamManager"]>>) => Promise<unknown>,
  ): Promise<void> => {
    const other = await connect({ servers: server.url });
    await act(await other.jetstreamManager());
    await other.close();
  };
  const faults: ReadonlyMap<number, () => Promise<void>> = new Map([
    [30, async () => server.kill().then(() => server.start())],
    [80, () => meddle(({ streams }) => streams.delete(`${prefix}=default`))],
    [130, () => meddle(({ consumers }) => consumers.delete(`${prefix}=default`, "coordinator"))],
    [
      180,
      async () => {
        await server.stop();
        await server.wipe();
        await server.start();
      },
    ],
  ]);
  const n = 250;
  const run = await cluster.submit(n, 5);
  const events = await cluster.follow(run, (count) => faults.get(count)?.());
  await cluster.assertRight(run, n, events);
  assert.equal(cluster.times("queue.down"), cluster.times("queue.up"));
  assert.ok(cluster.times("queue.down") >= 2);
});

/** Of the tasks published first: what is lost or late costs seconds, since nobody but the reconciler notices. */
const lostAmong = 60;

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
  assert.ok(counts !== undefined && Math.min(...Object.values(counts)) >= 3, JSON.stringify(counts));
});

test("without NATS what runs ends and is accepted, new work waits, and everything catches up", options, async (t) => {
  const cluster = await NatsCluster.open(t);
  const n = 60;
  const first = await cluster.submit(n, 20);
  let notify: (second: RunId) => void = () => undefined;
  const down = new Promise<RunId>((resolve) => (notify = resolve));
  const following = cluster.follow(first, async (count) => {
    if (count !== 10) return;
    await cluster.server.kill();
    notify(await cluster.submit(5, 5));
  });
  const second = await down;
  const countsOf = async (run: RunId): Promise<TaskCounts> => (await cluster.control.run(run)).counts;
  while ((await countsOf(first)).running > 0) await new Promise((resolve) => setTimeout(resolve, 20));
  const waiting = await countsOf(first);
  assert.ok(waiting.succeeded >= 10 && waiting.succeeded < n, `new work waits: ${JSON.stringify(waiting)}`);
  assert.deepEqual([(await countsOf(second)).running, (await countsOf(second)).succeeded], [0, 0]);
  const health = cluster.queue.health();
  assert.ok(!health.reachable && /NATS/.test(health.reason) && health.sinceMs > 0, JSON.stringify(health));

  await cluster.server.start();
  await cluster.assertRight(first, n, await following);
  await cluster.assertRight(second, 5, await cluster.follow(second));
  assert.equal(cluster.queue.health().reachable, true);
  assert.deepEqual([cluster.times("queue.down"), cluster.times("queue.up"), cluster.times("queue.publish")], [1, 1, 0]);
});
