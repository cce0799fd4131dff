import assert from "node:assert/strict";
import { test } from "node:test";
import { parseTaskId } from "../../proto/ids.ts";
import { graphOf, PlayedRun } from "../../test/simulation/played-run.ts";
import { decideOutcome, decideStart } from "./decide.ts";
import { nearTo } from "./near.ts";
import type { Task } from "./state.ts";

function taskOf(run: PlayedRun, id: string): Task {
  const task = run.state.tasks.get(parseTaskId(id));
  assert.ok(task !== undefined, id);
  return task;
}

void test("a task is near to the worker that ran its input; a join to the one that ran most of those that are asked", () => {
  const each = { start: { to: { each: "work" } }, work: { to: "join" }, join: { to: "end", joins: "start" }, end: { to: null } };
  const run = new PlayedRun(graphOf(each));
  assert.equal(nearTo(taskOf(run, "start/0")), null);
  run.succeed("start/0", {}, 5);
  assert.equal(nearTo(taskOf(run, "work/0")), "w");
  for (const [at, worker] of ["a", "b", "b", "c", "b"].entries()) {
    const held = { task: parseTaskId(`work/${at}`), attempt: 0, lease: 100 + at, atMs: run.atMs };
    run.accept(decideStart(run.state, { ...held, worker }));
    const usage = { startedAtMs: 0, finishedAtMs: 1, cpuMs: 1, peakMiB: 1 };
    const taken = { kind: "linear", to: run.state.submitted.graph.steps[2]?.name ?? assert.fail() } as const;
    run.accept(decideOutcome(run.state, { ...held, outcome: { kind: "succeeded", taken, artifacts: {}, usage } }));
  }
  assert.equal(nearTo(taskOf(run, "join/0")), "b");
});

void test("the join of a foreach over nothing is near to the task that opened it", () => {
  const each = { start: { to: { each: "work" } }, work: { to: "join" }, join: { to: "end", joins: "start" }, end: { to: null } };
  const run = new PlayedRun(graphOf(each));
  run.succeed("start/0", {}, 0);
  assert.equal(nearTo(taskOf(run, "join/0")), "w");
});
