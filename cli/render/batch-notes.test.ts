import assert from "node:assert/strict";
import { test } from "node:test";
import type { BatchPlacement } from "../../proto/graph.ts";
import { linear } from "../../test/coordinator/graphs.ts";
import { batchNotes } from "./batch-notes.ts";

test("of steps with @batch it is told where rounding makes their worker larger, and nothing of others", () => {
  const batch = (cpu: number, memoryMiB: number): { batch: BatchPlacement } => ({
    batch: { cpu, memoryMiB, gpu: 0, queue: null, image: null, options: {} },
  });
  const graph = linear(["start", "train", "score", "end"], { train: batch(3, 500), score: batch(1, 8064) });
  assert.deepEqual(batchNotes(graph), [
    "note: in AWS Batch, a worker for train: cpu 3, memory 500, and 128 MiB for the worker, take 4 vCPU and 8192 MiB (the smallest that Fargate has)",
  ]);
});
