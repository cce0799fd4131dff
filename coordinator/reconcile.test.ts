import assert from "node:assert/strict";
import { test } from "node:test";
import { runIdOf } from "../proto/ids.ts";
import { linear, obedient, submission } from "../test/coordinator/graphs.ts";
import { finished, House, settle } from "../test/coordinator/harness.ts";
import { MemoryTaskQueue } from "./adapters/memory-task-queue.ts";
import type { Clock } from "./ports/clock.ts";
import type { QueueHealth, QueuedTask, TakenTask, TaskQueue } from "./ports/task-queue.ts";

const options = { timeout: 20_000 };
const graph = linear(["start", "end"]);

/** Counts as deep what is taken and not acknowledged, as a queue on another machine does; loses and repeats what it is told to. */
class FaultyQueue implements TaskQueue {
  readonly published: QueuedTask[] = [];
  copies = 1;
  readonly #inner: MemoryTaskQueue;
  #depth = 0;

  constructor(clock: Clock) {
    this.#inner = new MemoryTaskQueue({ clock, ackWaitMs: 30_000 });
  }

  async publish(pool: string, tasks: readonly QueuedTask[]): Promise<void> {
    this.published.push(...tasks);
    this.#depth += tasks.length * this.copies;
    for (let copy = 0; copy < this.copies; copy += 1) await this.#inner.publish(pool, tasks);
  }

  async take(pool: string, max: number, waitMs: number): Promise<readonly TakenTask[]> {
    const taken = await this.#inner.take(pool, max, waitMs);
    return taken.map(({ queued, ack, nak }) => ({
      queued,
      ack: () => {
        this.#depth -= 1;
        ack();
      },
      nak,
    }));
  }

  async depth(): Promise<number> {
    return this.#depth;
  }

  health(): QueueHealth {
    return this.#inner.health();
  }

  async close(): Promise<void> {
    await this.#inner.close();
  }
}

void test("a task that nobody may take is not published, and keeps no lost hint from being published again", options, async (t) => {
  const house = await House.open(t);
  const queue = new FaultyQueue(house.clock);
  const coordinator = await house.start({ queue });
  await coordinator.control.submit(submission(graph));
  const wanted = runIdOf(graph.flow, 2);
  const worker = await house.worker(coordinator, { slots: 4, execute: obedient(graph), runs: [wanted] });
  const pass = async (seconds: number): Promise<void> => {
    for (let passed = 0; passed < seconds; passed += 0.5) {
      house.clock.advance(500);
      worker.beat();
      await settle();
    }
  };
  await pass(2);
  assert.deepEqual(queue.published, []);

  queue.copies = 0;
  assert.equal(await coordinator.control.submit(submission(graph)), wanted);
  await settle();
  assert.equal(queue.published.length, 1);
  queue.copies = 1;
  await pass(10);
  assert.equal((await coordinator.control.run(wanted)).status, "succeeded");

  const before = queue.published.length;
  await pass(60);
  assert.equal(await queue.depth(), 0);
  assert.equal(queue.published.length, before, "nothing is published when nothing was lost");
  assert.deepEqual([...new Set(queue.published.map(({ run }) => run))], [wanted]);
});

void test("copies of a hint start nothing twice, and are gone when they have been taken", options, async (t) => {
  const house = await House.open(t);
  const queue = new FaultyQueue(house.clock);
  queue.copies = 3;
  const coordinator = await house.start({ queue });
  const worker = await house.worker(coordinator, { slots: 4, execute: obedient(graph) });
  const run = await coordinator.control.submit(submission(graph));
  await finished(coordinator, run);
  await house.pass(1000);
  assert.equal(await queue.depth(), 0);
  assert.deepEqual([worker.assigned("start/0").length, worker.assigned("end/0").length], [1, 1]);
});
