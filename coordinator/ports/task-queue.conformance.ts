// What every task queue must do. `advance` lets time pass for the queue: by hand, or by waiting.

import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { parseFlowName, parseStepName, runIdOf, taskIdOf } from "../../proto/ids.ts";
import type { QueuedTask, TakenTask, TaskQueue } from "./task-queue.ts";

export type QueueUnderTest = { readonly queue: TaskQueue; readonly ackWaitMs: number; advance(ms: number): Promise<void> };

export function queuedTask(index: number): QueuedTask {
  return { run: runIdOf(parseFlowName("QueueFlow"), 1), task: taskIdOf(parseStepName("train"), [index]), attempt: 0 };
}

export function indexesOf(taken: readonly TakenTask[]): number[] {
  return taken.map(({ queued }) => Number(queued.task.split("/")[1]));
}

export function describeTaskQueue(name: string, open: () => Promise<QueueUnderTest>): void {
  describe(`${name} as a task queue`, () => {
    let under: QueueUnderTest;
    beforeEach(async () => {
      under = await open();
    });
    afterEach(() => under.queue.close());
    const publish = (...indexes: number[]): Promise<void> => under.queue.publish("cpu", indexes.map(queuedTask));
    const take = (max: number, waitMs = 0): Promise<readonly TakenTask[]> => under.queue.take("cpu", max, waitMs);

    test("tasks come out whole and in the order in which they went in", async () => {
      await publish(0, 1, 2);
      await publish(3);
      const taken: QueuedTask[] = [];
      // What is published apart may arrive apart.
      while (taken.length < 4) taken.push(...(await take(10, 1_000)).map(({ queued }) => queued));
      assert.deepEqual(taken, [0, 1, 2, 3].map(queuedTask));
    });

    test("at most as many are taken as were asked for; the rest stays", async () => {
      await publish(0, 1, 2);
      assert.deepEqual(indexesOf(await take(2)), [0, 1]);
      assert.equal(await under.queue.depth("cpu"), 1);
      assert.deepEqual(indexesOf(await take(2)), [2]);
      assert.equal(await under.queue.depth("cpu"), 0);
    });

    test("pools don't see each other's tasks", async () => {
      await under.queue.publish("gpu", [queuedTask(7)]);
      assert.deepEqual(await take(1), []);
      assert.equal(await under.queue.depth("cpu"), 0);
      assert.deepEqual(indexesOf(await under.queue.take("gpu", 1, 0)), [7]);
    });

    test("who waits gets the first task that comes", async () => {
      const waiting = take(5, 60_000);
      await publish(1);
      assert.deepEqual(indexesOf(await waiting), [1]);
    });

    test("who waits in vain gets nothing after the time given", async () => {
      const waiting = take(5, 100);
      await under.advance(100);
      assert.deepEqual(await waiting, []);
      await publish(1);
      assert.deepEqual(indexesOf(await take(5)), [1]);
    });

    test("an acknowledged task never comes again", async () => {
      await publish(0);
      for (const task of await take(1)) task.ack();
      await under.advance(under.ackWaitMs * 3);
      assert.deepEqual(await take(1), []);
    });

    test("a task that nobody acknowledged in time is given out again", async () => {
      await publish(0);
      await take(1);
      assert.deepEqual(await take(1), []);
      await under.advance(under.ackWaitMs * 2);
      assert.deepEqual(indexesOf(await take(1, 1_000)), [0]);
    });

    test("a refused task comes again after its delay and not before", async () => {
      await publish(0);
      const delayMs = under.ackWaitMs / 2;
      for (const task of await take(1)) task.nak(delayMs);
      assert.deepEqual(await take(1), []);
      await under.advance(delayMs);
      const [again] = await take(1, 1_000);
      assert.deepEqual(again?.queued, queuedTask(0));
      again?.nak(0);
      assert.deepEqual(indexesOf(await take(1, 1_000)), [0]);
    });

    test("every one of 1,025 tasks is given out exactly once while takers acknowledge", async () => {
      await publish(...Array.from({ length: 1_025 }, (_, i) => i));
      const seen: number[] = [];
      for (let taken = await take(100); taken.length > 0; taken = await take(100)) {
        seen.push(...indexesOf(taken));
        for (const task of taken) task.ack();
      }
      assert.deepEqual(
        seen.sort((a, b) => a - b),
        Array.from({ length: 1_025 }, (_, i) => i),
      );
    });

    test("a queue that works says that it can be reached", async () => {
      await publish(0);
      assert.equal(under.queue.health().reachable, true);
    });

    test("closing lets those who wait go, with nothing", async () => {
      const waiting = take(1, 60_000);
      await under.queue.close();
      assert.deepEqual(await waiting, []);
    });
  });
}
