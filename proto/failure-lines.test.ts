import assert from "node:assert/strict";
import { test } from "node:test";
import { failureLines, isFailureLine } from "./failure-lines.ts";
import type { Failure } from "./failure.ts";

const thrown: Failure = {
  kind: "userError",
  name: "TypeError",
  message: "first\nsecond",
  stack: "TypeError: first\nsecond\n    at TrainFlow.train (train.ts:4:9)",
  place: { file: "train.ts", line: 4, column: 9 },
};

void test("an attempt's output shows the whole message and the author's frames", () => {
  assert.deepEqual(failureLines(1, thrown), [
    "stepwell: attempt 1 failed: TypeError: first",
    "stepwell:   second",
    "stepwell:       at TrainFlow.train (train.ts:4:9)",
  ]);
  assert.deepEqual(failureLines(0, { kind: "timeout", afterSeconds: 2 }), ["stepwell: attempt 0 failed: timed out after 2 s"]);
});

void test("each of the lines is known for what it is, and nothing that a step prints is taken for one", () => {
  const lines = failureLines(0, thrown);
  assert.ok(lines.every((text) => isFailureLine({ stream: "system", text })));
  assert.ok(lines.every((text) => !isFailureLine({ stream: "stderr", text })));
  for (const text of [
    "stepwell: @catchError caught a failure of a/0",
    "stepwell: 3 lines were dropped while the worker had no coordinator",
  ])
    assert.ok(!isFailureLine({ stream: "system", text }));
});
