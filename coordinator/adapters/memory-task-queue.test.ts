import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { describeTaskQueue, indexesOf, queuedTask } from "../ports/task-queue.conformance.ts";
import { ManualClock } from "./manual-clock.ts";
import { MemoryTaskQueue, type QueueFaults } from "./memory-task-queue.ts";

describeTaskQueue("MemoryTaskQueue", async () => {
  const clock = new ManualClock();
  return { queue: new MemoryTaskQueue({ clock, ackWaitMs: 1_000 }), ackWaitMs: 1_000, advance: async (ms) => clock.advance(ms) };
});

function openWith(faults?: Omit<QueueFaults, "random">): { clock: ManualClock; queue: MemoryTaskQueue } {
  const clock = new ManualClock();
  // Numbers that spread evenly and are the same in every run.
  let drawn = 0;
  const random = (): number => (drawn++ * 0.618_034) % 1;
  return { clock, queue: new MemoryTaskQueue({ clock, ackWaitMs: 1_000, ...(faults !== undefined && { faults: { random, ...faults } }) }) };
}

describe("MemoryTaskQueue's own promises", () => {
  test("Q1: a task is given out again at the end of its acknowledgement time, not a millisecond before", async () => {
    const { clock, queue } = openWith();
    await queue.publish("cpu", [queuedTask(0)]);
    await queue.take("cpu", 1, 0);
    clock.advance(999);
    assert.deepEqual(await queue.take("cpu", 1, 0), []);
    clock.advance(1);
    assert.deepEqual(indexesOf(await queue.take("cpu", 1, 0)), [0]);
  });

  test("Q1: a holder whose time is over puts nothing back", async () => {
    const { clock, queue } = openWith();
    await queue.publish("cpu", [queuedTask(0)]);
    const [first] = await queue.take("cpu", 1, 0);
    clock.advance(1_000);
    first?.nak(0);
    assert.equal(await queue.depth("cpu"), 1);
    const [second] = await queue.take("cpu", 1, 0);
    first?.nak(0);
    assert.equal(await queue.depth("cpu"), 0);
    second?.nak(10);
    second?.nak(0);
    assert.equal(await queue.depth("cpu"), 0);
    clock.advance(10);
    assert.equal(await queue.depth("cpu"), 1);
  });

  test("Q2: an acknowledgement that comes late still takes the task away", async () => {
    const { clock, queue } = openWith();
    await queue.publish("cpu", [queuedTask(0), queuedTask(1)]);
    const [first] = await queue.take("cpu", 1, 0);
    clock.advance(1_000);
    first?.ack();
    assert.equal(await queue.depth("cpu"), 1);
    assert.deepEqual(indexesOf(await queue.take("cpu", 5, 0)), [1]);
  });

  test("Q3: takers are served in the order in which they came, each up to its measure", async () => {
    const { queue } = openWith();
    const [first, second] = [queue.take("cpu", 2, 1_000), queue.take("cpu", 2, 1_000)];
    await queue.publish("cpu", [0, 1, 2].map(queuedTask));
    assert.deepEqual([indexesOf(await first), indexesOf(await second)], [[0, 1], [2]]);
  });

  test("after closing no timer is left and nothing is taken", async () => {
    const { clock, queue } = openWith();
    await queue.publish("cpu", [queuedTask(0), queuedTask(1)]);
    const [task] = await queue.take("cpu", 1, 0);
    await queue.close();
    task?.nak(0);
    await queue.publish("cpu", [queuedTask(2)]);
    assert.deepEqual(await queue.take("cpu", 9, 100), []);
    assert.equal(clock.nextDueMs(), null);
  });

  test("a queue that loses everything gives nothing", async () => {
    const { queue } = openWith({ lose: 1, duplicate: 0, reorder: 0 });
    await queue.publish("cpu", [queuedTask(0)]);
    assert.deepEqual(await queue.take("cpu", 9, 0), []);
  });

  test("a queue that duplicates gives each twice; one that reorders gives all, in another order", async () => {
    const twice = openWith({ lose: 0, duplicate: 1, reorder: 0 }).queue;
    await twice.publish("cpu", [0, 1].map(queuedTask));
    assert.deepEqual(indexesOf(await twice.take("cpu", 9, 0)), [0, 0, 1, 1]);

    const shuffled = openWith({ lose: 0, duplicate: 0, reorder: 1 }).queue;
    const indexes = Array.from({ length: 20 }, (_, i) => i);
    await shuffled.publish("cpu", indexes.map(queuedTask));
    const out = indexesOf(await shuffled.take("cpu", 99, 0));
    assert.notDeepEqual(out, indexes);
    assert.deepEqual(
      out.sort((a, b) => a - b),
      indexes,
    );
  });
});
