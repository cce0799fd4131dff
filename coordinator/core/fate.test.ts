import assert from "node:assert/strict";
import { test } from "node:test";
import type { Failure } from "../../proto/failure.ts";
import type { RetryPolicy, StepPolicy } from "../../proto/graph.ts";
import { parseTaskId } from "../../proto/ids.ts";
import { graphOf, PlayedRun, userError } from "../../test/simulation/played-run.ts";
import { delayMsOf } from "./fate.ts";
import { taskView } from "./task-view.ts";
import { runView } from "./view.ts";

const retry: RetryPolicy = { times: 1, minutesBetween: 0, backoff: 1, maxMinutes: 60, on: null };
const caught: Partial<StepPolicy> = { catch: { var: "seen", print: true } };

function runWith(policy: Partial<StepPolicy>, lossesMax = 2): PlayedRun {
  return new PlayedRun(graphOf({ start: { to: "end", policy }, end: { to: null } }), { options: { lossesMax } });
}

test("the wait grows by its factor and stops growing at its bound", () => {
  const policy = { ...retry, minutesBetween: 2, backoff: 3, maxMinutes: 10 };
  assert.deepEqual(
    [0, 1, 2, 5000].map((earlier) => delayMsOf(policy, earlier)),
    [120_000, 360_000, 600_000, 600_000],
  );
});

test("losses have a budget of their own: they use up no retry, and beyond it the task fails as lost", () => {
  const run = runWith({ retry });
  run.lose("start/0");
  run.fail("start/0");
  run.lose("start/0");
  assert.equal(run.kinds()["start/0"], "backoff");
  run.lose("start/0");
  const { state } = run.state.tasks.get(parseTaskId("start/0"))!;
  assert.deepEqual(state.kind === "failed" && [state.attempt, state.failure], [3, { kind: "lost", worker: "w" }]);
});

test("a loss beyond its budget is caught like any failure", () => {
  const run = runWith(caught, 0);
  run.lose("start/0");
  assert.deepEqual(run.state.tasks.get(parseTaskId("start/0"))?.state.kind, "succeeded");
});

test("only the kinds that @retry lists are retried", () => {
  const run = runWith({ retry: { ...retry, on: ["timeout"] } });
  run.fail("start/0", { kind: "timeout", afterSeconds: 1 });
  assert.equal(run.kinds()["start/0"], "ready");
  const other = runWith({ retry: { ...retry, on: ["timeout"] } });
  other.fail("start/0");
  assert.equal(other.kinds()["start/0"], "failed");
});

test("what is caught goes on by the graph, keeps what it had set, and leaves its error as an artifact", () => {
  const run = runWith({ ...caught, retry });
  run.fail("start/0", userError(), { half: "lost" });
  run.fail("start/0", userError(), { half: "kept" });
  const order = run.succeed("end/0");
  assert.ok(order.inputs.kind === "single");
  assert.deepEqual(order.inputs.artifacts["seen"], { kind: "caught", task: "start/0", attempt: 1, failure: userError() });
  assert.ok("half" in order.inputs.artifacts);
  const view = taskView(run.state, parseTaskId("start/0"));
  assert.deepEqual([view?.status, view?.caught, view?.attempts.map((each) => each.outcome)], ["succeeded", true, ["failed", "failed"]]);
  const { counts, status, firstFailure } = runView(run.state, null);
  assert.deepEqual([status, counts.caught, counts.retried, firstFailure], ["succeeded", 1, 1, null]);
});

test("what a first attempt had set is kept where its failure is caught although retries are left", () => {
  const run = runWith({ ...caught, retry });
  const failure: Failure = { kind: "refusedArtifact", artifact: "model", path: "", message: "it is a function" };
  assert.equal(run.fail("start/0", failure, { half: "kept" }).keepOnFailure, true);
  const { inputs } = run.succeed("end/0");
  assert.ok(inputs.kind === "single" && "half" in inputs.artifacts && "seen" in inputs.artifacts);
});

test("an attempt that would be retried keeps nothing in the ledger", () => {
  const run = runWith({ ...caught, retry });
  run.fail("start/0", userError(), { half: "lost" });
  const event = run.events.at(-1);
  assert.deepEqual(event?.kind === "taskFailed" && event.artifacts, {});
});

const final: readonly [Failure, string][] = [
  [{ kind: "cancelled", by: "ana" }, "cancelled"],
  [{ kind: "badTransition", message: "none" }, "failed"],
  [{ kind: "refusedArtifact", artifact: "x", path: "", message: "a function" }, "succeeded"],
  [{ kind: "outOfMemory", peakMiB: 9, limitMiB: null }, "succeeded"],
];

for (const [failure, kind] of final) {
  test(`under @catchError a failure of kind ${failure.kind} leaves the task ${kind}`, () => {
    const run = runWith(caught);
    run.fail("start/0", failure);
    assert.equal(run.kinds()["start/0"], kind);
  });
}

test("a start that went wrong is tried again on the run's budget, and never caught", () => {
  const run = runWith({ ...caught, retry }, 1);
  run.fail("start/0", { kind: "start", message: "no node" });
  assert.equal(run.kinds()["start/0"], "ready");
  run.fail("start/0", { kind: "start", message: "no node" });
  assert.equal(run.kinds()["start/0"], "failed");
});

test("the first loss is made good at once, later ones wait longer each time, and their events tell how long", () => {
  const run = runWith({}, 4);
  const waits: number[] = [];
  for (let loss = 0; loss < 4; loss += 1) {
    run.fail("start/0", { kind: "store", message: "no space left on device" });
    const event = run.events.at(-1);
    const { state } = run.state.tasks.get(parseTaskId("start/0"))!;
    assert.ok(event?.kind === "taskFailed");
    assert.equal(state.kind === "backoff" ? state.dueMs - event.atMs : 0, event.retryAfterMs ?? 0);
    waits.push(event.retryAfterMs ?? 0);
  }
  assert.equal(waits[0], 0);
  for (const [i, about] of [1000, 2000, 4000].entries()) {
    const waited = waits[i + 1] ?? 0;
    assert.ok(waited >= 0.75 * about && waited <= 1.25 * about, `${waited} ms`);
  }
});

test("losses of histories from before they waited are ready again at once", () => {
  const run = runWith({});
  for (const attempt of [0, 1]) {
    const held = run.start("start/0");
    const failure: Failure = { kind: "lost", worker: "w" };
    run.apply({ kind: "taskFailed", atMs: run.atMs, task: held.task, attempt, lease: held.lease, failure, artifacts: {}, usage: null });
    assert.equal(run.kinds()["start/0"], "ready");
  }
});
