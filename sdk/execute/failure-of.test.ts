// What of a thrown value reaches the author.

import assert from "node:assert/strict";
import { test } from "node:test";
import { runInNewContext } from "node:vm";
import { ArtifactStoreError } from "../artifact/store.ts";
import { RefusedArtifactError } from "../artifact/refused.ts";
import { TransitionError } from "../flow/transition.ts";
import { failureOf, failureOfAbort, hintAtUnset } from "./failure-of.ts";

const sdk = import.meta.dirname;

function thrown(...frames: readonly string[]): Error {
  const error = new Error("no");
  error.stack = ["Error: no", ...frames.map((frame) => `    at ${frame}`)].join("\n");
  return error;
}

test("the stack begins at the author's frame and ends where the library called it", () => {
  const failure = failureOf(
    thrown(
      `mergeable (file://${sdk}/merge.ts:4:9)`,
      "Array.map (<anonymous>)",
      "TrainFlow.join (file:///home/ann/flow.ts:31:10)",
      "node:internal/process/task_queues:104:5",
      `Attempt.run (file://${sdk}/execute-step.ts:90:1)`,
      "main (file:///home/ann/test.ts:3:1)",
    ),
  );
  assert.ok(failure.kind === "userError");
  assert.equal(failure.stack, "Error: no\n    at Array.map (<anonymous>)\n    at TrainFlow.join (file:///home/ann/flow.ts:31:10)");
  assert.deepEqual(failure.place, { file: "/home/ann/flow.ts", line: 31, column: 10 });
});

test("the place is that of the author's innermost frame", () => {
  const failure = failureOf(thrown("async file:///home/ann/flow.ts:31:10", `Attempt.run (file://${sdk}/execute-step.ts:90:1)`));
  assert.deepEqual(failure.kind === "userError" && failure.place, { file: "/home/ann/flow.ts", line: 31, column: 10 });
});

test("trouble on the way to the store is the store's, and so is a disk that is full or read-only, also where a reader has wrapped it; a missing artifact is the step's", () => {
  const lost = new ArtifactStoreError("unreachable", "nobody answers");
  assert.deepEqual(failureOf(new Error("artifact x cannot be read: nobody answers", { cause: lost })), {
    kind: "store",
    message: "artifact x cannot be read: nobody answers",
  });
  for (const problem of ["denied", "full", "readOnly"] as const)
    assert.equal(failureOf(new ArtifactStoreError(problem, "no")).kind, "store");
  assert.equal(failureOf(new ArtifactStoreError("corrupt", "other bytes")).kind, "userError");
  assert.equal(failureOf(new Error("artifact x", { cause: new ArtifactStoreError("missing", "gone") })).kind, "userError");
});

test("who knows the code's origin is asked for stack and place, of causes too", () => {
  const place = { file: "flow.ts", line: 1, column: 2 };
  const error = new Error("outer", { cause: new TypeError("inner", { cause: "a text" }) });
  const failure = failureOf(error, (stack) => ({ stack: stack.split("\n")[0] ?? "", place }));
  assert.deepEqual(failure, {
    kind: "userError",
    name: "Error",
    message: "outer",
    stack: "Error: outer\ncaused by TypeError: inner\ncaused by 'a text'",
    place,
  });
});

test("errors of another context, without a stack, or that cause themselves are told all the same", () => {
  assert.equal(named(failureOf(runInNewContext("new RangeError('far')"))), "RangeError: far");
  assert.equal(named(failureOf(Object.assign(new Error("x"), { stack: undefined }))), "Error: x");
  const loop = new Error("loop");
  loop.cause = loop;
  assert.equal(named(failureOf(loop)), "Error: loop");
  assert.match(named(failureOf(undefined)), /the step threw undefined, which is no Error/);
  assert.match(named(failureOf({ code: 3 })), /the step threw \{ code: 3 \}, which is no Error/);
});

function named(failure: ReturnType<typeof failureOf>): string {
  assert.ok(failure.kind === "userError");
  return `${failure.name}: ${failure.message}`;
}

test("what the library throws about artifacts and transitions keeps its kind", () => {
  assert.deepEqual(failureOf(new TransitionError("two")), { kind: "badTransition", message: "two" });
  assert.deepEqual(failureOf(new RefusedArtifactError({ artifact: "a", path: ".b" }, "a function")), {
    kind: "refusedArtifact",
    artifact: "a",
    path: ".b",
    message: "a function",
  });
});

test("an abort's reason is the failure if it is one, else a cancellation", () => {
  assert.deepEqual(failureOfAbort({ kind: "timeout", afterSeconds: 2 }), { kind: "timeout", afterSeconds: 2 });
  assert.deepEqual(failureOfAbort({ kind: "toString" }), { kind: "cancelled", by: "abort signal" });
  assert.deepEqual(failureOfAbort(new Error("ann")), { kind: "cancelled", by: "ann" });
});

test("only artifacts that the step reads and nobody has set are hinted at", () => {
  const source = "train() { this.seen = this.model.score; if (this.size == 3 || this.next) this.out += 1; }";
  const flow = { size: 1, next: 1 };
  const error = new TypeError("Cannot read properties of undefined (reading 'score')");
  assert.equal(hintAtUnset(error, source, flow), "this.model, this.out are not set: no step before this one has set it");
  assert.equal(hintAtUnset(new Error("undefined"), source, flow), null);
  assert.equal(hintAtUnset(error, source, { ...flow, model: 1, out: 1 }), null);
});
