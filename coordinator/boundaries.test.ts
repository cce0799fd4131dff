// Counts at which systems of this kind lose or repeat something: around powers, pages, batches and windows.

import assert from "node:assert/strict";
import { test } from "node:test";
import { parseStepName, parseTaskId, type RunId } from "../proto/ids.ts";
import type { Control } from "../proto/control.ts";
import { foreach, linear, obedient, submission } from "../test/coordinator/graphs.ts";
import { finished, House } from "../test/coordinator/harness.ts";
import { windowMax } from "./shell/backlog.ts";

const counts = [0, 1, 9, 10, 11, 99, 100, 101, 255, 256, 257, windowMax - 1, windowMax, windowMax + 1, 1024, 10_000, 65_536];
const work = parseStepName("work");

for (const count of counts) {
  void test(`a foreach over ${count} accepts each task once and joins all`, { timeout: 60_000 }, async (t) => {
    const house = await House.open(t);
    const coordinator = await house.start();
    const graph = foreach();
    await house.worker(coordinator, { slots: 16, execute: obedient(graph, count), forgetful: true });
    const run = await coordinator.control.submit(submission(graph, { splitsMax: 65_536 }));
    const events = await finished(coordinator, run);
    const accepted = events.flatMap(({ event }) => (event.kind === "taskSucceeded" ? [event.task as string] : []));
    assert.equal(new Set(accepted).size, count + 3);
    assert.equal(accepted.length, count + 3);
    assert.equal(accepted.at(-1), "end/0");
    assert.equal((await coordinator.control.run(run)).status, "succeeded");
    const join = await coordinator.control.task(run, parseTaskId("join/0"));
    assert.equal(join.parents.length, count === 0 ? 1 : count);
    for (const limit of new Set([100, Math.max(1, count - 1), count + 1])) {
      assert.equal((await listed(coordinator.control, run, limit)).size, count, `pages of ${limit}`);
    }
  });
}

void test("a chain of 1,025 steps ends", { timeout: 60_000 }, async (t) => {
  const house = await House.open(t);
  const coordinator = await house.start();
  const graph = linear(["start", ...Array.from({ length: 1023 }, (_, at) => `step${at}`), "end"]);
  await house.worker(coordinator, { slots: 2, execute: obedient(graph), forgetful: true });
  const run = await coordinator.control.submit(submission(graph));
  const events = await finished(coordinator, run);
  assert.equal(events.filter(({ event }) => event.kind === "taskSucceeded").length, 1025);
});

/** Every task of the foreach, page by page. @throws AssertionError where a page repeats one */
async function listed(control: Control, run: RunId, limit: number): Promise<ReadonlySet<string>> {
  const seen = new Set<string>();
  let cursor: string | null = null;
  do {
    const page: Awaited<ReturnType<Control["tasks"]>> = await control.tasks(run, { step: work, limit, ...(cursor !== null && { cursor }) });
    for (const { task } of page.items) {
      assert.ok(!seen.has(task), `${task} is on two pages`);
      seen.add(task);
    }
    cursor = page.next;
  } while (cursor !== null);
  return seen;
}
