import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultPolicy } from "../../proto/graph.ts";
import type { RunView, StepView } from "../../proto/view.ts";
import { graphOf, node } from "../../test/coordinator/graphs.ts";
import { memoryAdvice } from "./memory-advice.ts";

function advice(memoryMiB: number | null, seen: Pick<StepView, "p95PeakMiB" | "outOfMemory">): readonly string[] {
  const policy = { ...defaultPolicy, resources: { cpu: null, memoryMiB, gpu: 0 } };
  const graph = graphOf("Fit", [node("start", { kind: "end" }, { policy })]);
  const [step] = graph.steps;
  const view = { graph, steps: [{ step: step?.name, ...seen }] };
  return memoryAdvice(view as unknown as RunView); // It reads nothing else.
}

test("a step that asks for much more than its tasks held is told what would do, rounded up", () => {
  assert.deepEqual(advice(8192, { p95PeakMiB: 900, outOfMemory: 0 }), [
    "start asks for 8192 MiB and held at most 900 (95 % of its tasks): @resources({ memory: 960 }) would do",
  ]);
  assert.match(advice(16_000, { p95PeakMiB: 1025, outOfMemory: 0 })[0] ?? "", /memory: 1280 /);
});

test("a step that asks for about what it needs, or for little, is told nothing", () => {
  assert.deepEqual(advice(1900, { p95PeakMiB: 950, outOfMemory: 0 }), []);
  assert.deepEqual(advice(300, { p95PeakMiB: 60, outOfMemory: 0 }), []);
  assert.deepEqual(advice(null, { p95PeakMiB: 60, outOfMemory: 0 }), []);
  assert.deepEqual(advice(4096, { p95PeakMiB: null, outOfMemory: 0 }), []);
});

test("a step that ran out is told what its other tasks held, or to try twice as much", () => {
  assert.deepEqual(advice(500, { p95PeakMiB: 900, outOfMemory: 3 }), ["start ran out of memory 3 times: try @resources({ memory: 960 })"]);
  assert.deepEqual(advice(500, { p95PeakMiB: 400, outOfMemory: 1 }), ["start ran out of memory once: try @resources({ memory: 1000 })"]);
  assert.deepEqual(advice(500, { p95PeakMiB: null, outOfMemory: 1 }), ["start ran out of memory once: try @resources({ memory: 1000 })"]);
  assert.deepEqual(advice(null, { p95PeakMiB: null, outOfMemory: 1 }), [
    "start ran out of memory once: say what it needs with @resources({ memory })",
  ]);
});
