import assert from "node:assert/strict";
import { test } from "node:test";
import { linear, obedient, submission, foreach } from "../test/coordinator/graphs.ts";
import { finished, House } from "../test/coordinator/harness.ts";

const options = { timeout: 20_000 };

void test("a run goes from its submission to its end through a worker", options, async (t) => {
  const house = await House.open(t);
  const coordinator = await house.start();
  const graph = linear(["start", "middle", "end"]);
  await house.worker(coordinator, { slots: 2, execute: obedient(graph) });
  const run = await coordinator.control.submit(submission(graph));
  await finished(coordinator, run);
  assert.deepEqual(await house.kinds(run), [
    "runSubmitted",
    "runStarted",
    "taskStarted start/0",
    "taskSucceeded start/0",
    "taskStarted middle/0",
    "taskSucceeded middle/0",
    "taskStarted end/0",
    "taskSucceeded end/0",
  ]);
  const view = await coordinator.control.run(run);
  assert.equal(view.status, "succeeded");
  assert.equal(await house.ledger.owner(run), null);
});

void test("a wide foreach goes through a small window", options, async (t) => {
  const house = await House.open(t);
  const coordinator = await house.start();
  const graph = foreach();
  await house.worker(coordinator, { slots: 64, execute: obedient(graph, 10_000) });
  const run = await coordinator.control.submit(submission(graph));
  await finished(coordinator, run);
  const view = await coordinator.control.run(run);
  assert.equal(view.status, "succeeded");
  assert.equal(view.counts.succeeded, 10_003);
});

void test("a graph that could never be joined is refused before anything is written", options, async (t) => {
  const house = await House.open(t);
  const coordinator = await house.start();
  const graph = foreach();
  const unjoined = { ...graph, steps: graph.steps.map((node) => ({ ...node, joins: null })) };
  await assert.rejects(coordinator.control.submit(submission(unjoined)), {
    name: "ControlError",
    code: "invalid",
    message: /cannot be run/,
  });
  assert.deepEqual((await coordinator.control.runs({ limit: 10 })).items, []);
});
