import assert from "node:assert/strict";
import { test } from "node:test";
import { parseStepName, parseTaskId } from "../../proto/ids.ts";
import type { TaskOutcome } from "../../proto/order.ts";
import { elementsOf, graphOf, PlayedRun } from "../../test/simulation/played-run.ts";
import { decideBegin, decideCancel, decideLost, decideOutcome, decideRetry, decideRetryDue, decideStart } from "./decide.ts";
import type { Decision, RefusalReason } from "./decision.ts";
import { statusOf } from "./status.ts";

const linear = graphOf({ start: { to: "end" }, end: { to: null } });
const wide = graphOf({ start: { to: { each: "body" } }, body: { to: "join" }, join: { to: "end", joins: "start" }, end: { to: null } });
const start = parseTaskId("start/0");
const usage = { startedAtMs: 1, finishedAtMs: 2, cpuMs: 1, peakMiB: 1 };
const done: TaskOutcome = { kind: "succeeded", taken: { kind: "linear", to: parseStepName("end") }, artifacts: {}, usage };

function isRefused(decision: Decision, reason: RefusalReason, message: RegExp): void {
  assert.ok(decision.kind === "refused");
  assert.equal(decision.reason, reason);
  assert.match(decision.message, message);
}

test("a task starts once for each attempt, under a lease that is new", () => {
  const run = new PlayedRun(linear);
  const request = { task: start, attempt: 0, lease: 3, worker: "w", atMs: 5 };
  isRefused(decideStart(run.state, { ...request, task: parseTaskId("end/0") }), "notFound", /has no task end\/0/);
  isRefused(decideStart(run.state, { ...request, attempt: 1 }), "notCurrent", /attempt 1 is not ready/);
  run.accept(decideStart(run.state, request));
  isRefused(decideStart(run.state, request), "notCurrent", /the task is running/);
  run.accept(decideLost(run.state, { ...request, how: "lost", atMs: 6 }));
  isRefused(decideStart(run.state, { ...request, attempt: 1 }), "stale", /lease 3 was given before/);
  run.accept(decideStart(run.state, { ...request, attempt: 1, lease: 4 }));
});

test("no more tasks start than the run may have at a time", () => {
  const run = new PlayedRun(wide, { options: { workersMax: 1 } });
  run.succeed("start/0", {}, 2);
  run.start("body/0");
  isRefused(decideStart(run.state, { task: parseTaskId("body/1"), attempt: 0, lease: 9, worker: "w", atMs: 1 }), "noRoom", /no free slot/);
});

test("an outcome is refused under another lease, another attempt, and a second time", () => {
  const run = new PlayedRun(linear);
  const { order: _, ...held } = run.start("start/0");
  isRefused(decideOutcome(run.state, { ...held, lease: 99, outcome: done, atMs: 1 }), "stale", /lease 99 is no longer current/);
  isRefused(decideOutcome(run.state, { ...held, attempt: 1, outcome: done, atMs: 1 }), "stale", /attempt 1/);
  run.accept(decideOutcome(run.state, { ...held, outcome: done, atMs: 1 }));
  isRefused(decideOutcome(run.state, { ...held, outcome: done, atMs: 1 }), "stale", /no longer current/);
  isRefused(decideLost(run.state, { ...held, worker: "w", how: "lost", atMs: 1 }), "stale", /no longer current/);
});

test("a transition that the graph doesn't have fails the task, and says what was expected", () => {
  const run = new PlayedRun(linear);
  run.report("start/0", { ...done, taken: { kind: "end" } });
  const { state } = run.state.tasks.get(start)!;
  assert.ok(state.kind === "failed" && state.failure.kind === "badTransition");
  assert.equal(state.failure.message, 'step start took the transition "end", but its graph says "to end"');
});

test("a foreach may be as wide as splitsMax and not wider, and the failure says how to raise it", () => {
  for (const [count, kind] of [
    [3, "succeeded"],
    [4, "failed"],
  ] as const) {
    const run = new PlayedRun(wide, { options: { splitsMax: 3 } });
    run.report("start/0", { ...done, taken: { kind: "foreach", to: parseStepName("body"), elements: elementsOf(count) } });
    const { state } = run.state.tasks.get(start)!;
    assert.equal(state.kind, kind);
    if (state.kind !== "failed" || state.failure.kind !== "badTransition") continue;
    assert.equal(state.failure.message, "foreach of step start has 4 elements, and at most 3 are allowed; to raise it: --max-splits 4");
    assert.equal(run.state.order.length, 1);
  }
});

test("a timer that fires twice, or for another attempt, is refused", () => {
  const retry = { times: 2, minutesBetween: 1, backoff: 1, maxMinutes: 9, on: null };
  const run = new PlayedRun(graphOf({ start: { to: "end", policy: { retry } }, end: { to: null } }));
  run.fail("start/0");
  assert.deepEqual(run.effects, [{ kind: "setTimer", task: "start/0", attempt: 1, dueMs: run.atMs + 60_000 }]);
  isRefused(decideRetryDue(run.state, { task: start, attempt: 0, atMs: 1 }), "notCurrent", /attempt 0 is not backing off/);
  run.accept(decideRetryDue(run.state, { task: start, attempt: 1, atMs: 1 }));
  isRefused(decideRetryDue(run.state, { task: start, attempt: 1, atMs: 1 }), "notCurrent", /attempt 1 is not backing off/);
});

test("cancelling stops what runs; what had succeeded stays, and asking twice is asking once", () => {
  const run = new PlayedRun(wide);
  run.succeed("start/0", {}, 2);
  const { order: _, ...held } = run.start("body/0");
  run.accept(decideCancel(run.state, { by: "ana", atMs: 1 }));
  assert.deepEqual(run.effects, [{ kind: "stop", ...held, by: "ana" }]);
  assert.deepEqual(decideCancel(run.state, { by: "ana", atMs: 1 }), { kind: "accepted", events: [] });
  isRefused(decideRetry(run.state, { by: "ana", tasks: null, atMs: 1 }), "conflict", /still stopping 1 of its tasks/);
  const outcome: TaskOutcome = { kind: "failed", failure: { kind: "cancelled", by: "ana" }, artifacts: {}, usage };
  run.accept(decideOutcome(run.state, { ...held, outcome, atMs: 1 }));
  assert.equal(statusOf(run.state), "cancelled");
  isRefused(decideCancel(run.state, { by: "ana", atMs: 1 }), "conflict", /has ended already: cancelled/);
});

test("a worker lost while the run stops leaves a cancelled task, not a retry", () => {
  const run = new PlayedRun(linear);
  const { order: _, ...held } = run.start("start/0");
  run.accept(decideCancel(run.state, { by: "ana", atMs: 1 }));
  run.accept(decideLost(run.state, { ...held, worker: "w", how: "lost", atMs: 1 }));
  assert.equal(run.kinds()["start/0"], "cancelled");
  assert.equal(statusOf(run.state), "cancelled");
});

test("a retry in place takes up what failed and what was cancelled, and leaves alone what succeeded", () => {
  const run = new PlayedRun(wide);
  run.succeed("start/0", {}, 3);
  run.fail("body/0");
  run.fail("body/1");
  run.succeed("body/2");
  run.accept(decideRetry(run.state, { by: "ana", tasks: [parseTaskId("body/1"), parseTaskId("body/2")], atMs: 1 }));
  assert.deepEqual(run.effects, [{ kind: "enqueue", task: "body/1", attempt: 1 }]);
  run.succeed("body/1");
  assert.equal(statusOf(run.state), "failed");
  run.accept(decideRetry(run.state, { by: "ana", tasks: null, atMs: 1 }));
  for (const task of ["body/0", "join/0", "end/0"]) run.succeed(task);
  assert.equal(statusOf(run.state), "succeeded");
  isRefused(decideRetry(run.state, { by: "ana", tasks: null, atMs: 1 }), "conflict", /nothing to retry/);
});

test("a retry of a run that still runs makes its failed tasks ready and changes nothing where none has failed", () => {
  const run = new PlayedRun(wide);
  run.succeed("start/0", {}, 2);
  assert.deepEqual(decideRetry(run.state, { by: "ana", tasks: null, atMs: 1 }), { kind: "accepted", events: [] });
  run.fail("body/0");
  run.accept(decideRetry(run.state, { by: "ana", tasks: null, atMs: 1 }));
  assert.equal(run.kinds()["body/0"], "ready");
  isRefused(decideRetry(run.state, { by: "ana", tasks: [parseTaskId("body/7")], atMs: 1 }), "notFound", /has no task body\/7/);
});

test("a run begins once", () => {
  isRefused(decideBegin(new PlayedRun(linear).state, { atMs: 1 }), "conflict", /has begun already/);
});
