// What an attempt asks for: the step's own needs, and more memory after an attempt that ran out of it.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { RunOptions } from "../../proto/event.ts";
import type { Failure } from "../../proto/failure.ts";
import type { StepPolicy, StepResources } from "../../proto/graph.ts";
import { parseTaskId } from "../../proto/ids.ts";
import { shapeKey } from "../../proto/shape.ts";
import { graphOf, PlayedRun } from "../../test/simulation/played-run.ts";
import { needsOf, type Needs } from "./needs.ts";
import { orderFor } from "./order.ts";
import { runView } from "./view.ts";

const ranOut: Failure = { kind: "outOfMemory", peakMiB: 101, limitMiB: 100 };
const start = parseTaskId("start/0");

function runWith(resources: StepResources, more: Partial<StepPolicy> = {}): PlayedRun {
  const retry = { times: 5, minutesBetween: 0, backoff: 1, maxMinutes: 60, on: null };
  return new PlayedRun(graphOf({ start: { to: "end", policy: { retry, resources, ...more } }, end: { to: null } }));
}

/** What the attempt that is ready asks for, as placement and worker see it. */
function asked(run: PlayedRun): readonly unknown[] {
  const task = run.state.tasks.get(start);
  assert.ok(task !== undefined);
  return [needsOf(task).memoryMiB, orderFor(run.state, start, { lease: 99 }).memoryMiB];
}

test("after each attempt that ran out of memory the next asks for twice as much, up to memoryMax", () => {
  const run = runWith({ cpu: null, memoryMiB: 100, memoryMaxMiB: 350, gpu: 0 });
  const seen = [asked(run)];
  for (const failure of [ranOut, ranOut, ranOut]) {
    run.fail("start/0", failure);
    seen.push(asked(run));
  }
  assert.deepEqual(seen, [
    [100, 100],
    [200, 200],
    [350, 350],
    [350, 350],
  ]);
});

test("other failures and losses raise nothing", () => {
  const run = runWith({ cpu: null, memoryMiB: 100, memoryMaxMiB: 350, gpu: 0 });
  run.fail("start/0");
  run.lose("start/0");
  assert.deepEqual(asked(run), [100, 100]);
});

test("without memoryMax every attempt asks for the same", () => {
  const run = runWith({ cpu: null, memoryMiB: 100, gpu: 0 });
  run.fail("start/0", ranOut);
  assert.deepEqual(asked(run), [100, 100]);
});

test("needs that differ in memory alone are of another kind for the queue", () => {
  const run = runWith({ cpu: 2, memoryMiB: 100, memoryMaxMiB: 400, gpu: 0, labels: { zone: "eu" } });
  const task = run.state.tasks.get(start);
  assert.ok(task !== undefined);
  const before = needsOf(task);
  run.fail("start/0", ranOut);
  const after = needsOf(task);
  assert.notEqual(after.key, before.key);
  assert.deepEqual({ ...after, key: "", memoryMiB: 0 }, { ...before, key: "", memoryMiB: 0 });
});

test("a step that is meant for Batch asks a worker for what @resources says alone", () => {
  const batch = { cpu: 1, memoryMiB: 4096, gpu: 0, queue: null, image: null, options: {} };
  const run = runWith({ cpu: null, memoryMiB: 100, memoryMaxMiB: 8192, gpu: 0 }, { batch });
  run.fail("start/0", ranOut);
  assert.deepEqual(asked(run), [200, 200]);
});

test("a step's view counts the attempts that ran out, and what the others held", () => {
  const run = runWith({ cpu: null, memoryMiB: 100, memoryMaxMiB: 400, gpu: 0 });
  run.fail("start/0", ranOut);
  run.succeed("start/0");
  const [step] = runView(run.state, null).steps;
  assert.deepEqual([step?.outOfMemory, step?.p95PeakMiB], [1, 50]);
});

const placement = { cpu: 2, memoryMiB: 300, gpu: 0, queue: null, image: null, options: {} };

function placedRun(options: Partial<RunOptions>, resources: StepResources = { cpu: null, memoryMiB: null, gpu: 0 }): PlayedRun {
  const retry = { times: 5, minutesBetween: 0, backoff: 1, maxMinutes: 60, on: null };
  const graph = graphOf({ start: { to: "end", policy: { retry, resources, batch: placement } }, end: { to: null } });
  return new PlayedRun(graph, { options });
}

function needsIn(run: PlayedRun): Needs {
  const task = run.state.tasks.get(start);
  assert.ok(task !== undefined);
  return needsOf(task);
}

test("a step with @batch needs a worker of its shape where workers are launched, and any worker elsewhere", () => {
  const launched = needsIn(placedRun({ placement: "batch" }));
  assert.deepEqual([launched.pool, launched.cpu, launched.memoryMiB], ["batch", 2, 300]);
  assert.ok(launched.shape !== null);
  assert.deepEqual(launched.labels, [["batch.shape", shapeKey(launched.shape)]]);
  const own = needsIn(placedRun({}));
  assert.deepEqual([own.pool, own.cpu, own.memoryMiB, own.labels, own.shape], ["default", 0, 0, [], null]);
});

test("the last try that losses allow goes where hosts are not taken back", () => {
  const run = placedRun({ placement: "batch", lossesMax: 2 });
  const seen = [needsIn(run).shape?.capacity];
  for (const _ of [1, 2]) {
    run.lose("start/0");
    seen.push(needsIn(run).shape?.capacity);
  }
  assert.deepEqual(seen, ["spot", "spot", "onDemand"]);
  assert.equal(needsIn(placedRun({ placement: "batch", lossesMax: 0 })).shape?.capacity, "onDemand");
});

test("an attempt that asks for more memory than the one before needs a worker of another shape", () => {
  const run = placedRun({ placement: "batch" }, { cpu: null, memoryMiB: null, memoryMaxMiB: 1000, gpu: 0 });
  const before = needsIn(run);
  run.fail("start/0", ranOut);
  const after = needsIn(run);
  assert.deepEqual([before.memoryMiB, after.memoryMiB, after.shape?.memoryMiB], [300, 600, 600]);
  assert.notEqual(before.key, after.key);
  assert.deepEqual(asked(run), [600, 600]);
});
