// What an attempt asks for: the step's own needs, and more memory after an attempt that ran out of it.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Failure } from "../../proto/failure.ts";
import type { StepPolicy, StepResources } from "../../proto/graph.ts";
import { parseTaskId } from "../../proto/ids.ts";
import { graphOf, PlayedRun } from "../../test/simulation/played-run.ts";
import { needsOf } from "./needs.ts";
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
