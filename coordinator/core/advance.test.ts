import assert from "node:assert/strict";
import { test } from "node:test";
import { graphOf, PlayedRun } from "../../test/simulation/played-run.ts";
import { advance, fold } from "./advance.ts";
import { outstanding } from "./effect.ts";
import { statusOf } from "./status.ts";

const train = graphOf({
  start: { to: { each: "train" } },
  train: { to: "join" },
  join: { to: "end", joins: "start" },
  end: { to: null },
});
const nested = graphOf({
  start: { to: { each: "row" } },
  row: { to: { each: "cell" } },
  cell: { to: "rowJoin" },
  rowJoin: { to: "join", joins: "row" },
  join: { to: "end", joins: "start" },
  end: { to: null },
});

test("a run goes from start through foreach and join to its end, and asks for each task once", () => {
  const run = new PlayedRun(train);
  assert.deepEqual(run.effects, [{ kind: "enqueue", task: "start/0", attempt: 0 }]);
  run.succeed("start/0", {}, 2);
  assert.deepEqual(run.effects, [
    { kind: "enqueue", task: "train/0", attempt: 0 },
    { kind: "enqueue", task: "train/1", attempt: 0 },
  ]);
  run.succeed("train/1");
  assert.deepEqual(run.effects, []);
  assert.equal(run.kinds()["join/0"], "waiting");
  run.succeed("train/0");
  assert.deepEqual(run.effects, [{ kind: "enqueue", task: "join/0", attempt: 0 }]);
  run.succeed("join/0");
  run.succeed("end/0");
  assert.deepEqual(run.effects, [{ kind: "finish", status: "succeeded" }]);
});

test("an empty foreach goes straight to its join, and so does one inside another", () => {
  const run = new PlayedRun(nested);
  run.succeed("start/0", {}, 2);
  run.succeed("row/0", {}, 0);
  run.succeed("row/1", {}, 1);
  assert.equal(run.kinds()["rowJoin/0"], "ready");
  run.succeed("rowJoin/0");
  run.succeed("cell/1.0");
  run.succeed("rowJoin/1");
  assert.equal(run.kinds()["join/0"], "ready");
});

test("what a failed task doesn't hold up runs on, its join never runs, and the run has failed when nothing is left", () => {
  const run = new PlayedRun(train);
  run.succeed("start/0", {}, 3);
  run.fail("train/0");
  assert.deepEqual([run.effects, statusOf(run.state)], [[], "running"]);
  run.succeed("train/1");
  run.succeed("train/2");
  assert.deepEqual(run.effects, [{ kind: "finish", status: "failed" }]);
  assert.equal(run.kinds()["join/0"], "waiting");
});

test("with failFast the first final failure stops what runs and cancels what is ready", () => {
  const run = new PlayedRun(train, { options: { failFast: true } });
  run.succeed("start/0", {}, 3);
  const { lease } = run.start("train/1");
  run.fail("train/0");
  assert.deepEqual(run.effects, [{ kind: "stop", task: "train/1", attempt: 0, lease, by: "the failure of train/0" }]);
  assert.deepEqual(run.kinds(), { "start/0": "succeeded", "train/0": "failed", "train/1": "running", "train/2": "cancelled" });
});

test("an event that cannot follow stops the fold instead of bending the state", () => {
  const run = new PlayedRun(train);
  run.succeed("start/0", {}, 1);
  const success = run.events.at(-1);
  assert.ok(success !== undefined);
  assert.throws(() => advance(run.state, success), /start\/0: attempt 0 under lease 1 is not running/);
  assert.throws(() => advance(run.state, { kind: "runStarted", atMs: 1 }), /cannot start now/);
  assert.throws(() => fold([success]), /first event is runSubmitted, not taskSucceeded/);
});

test("a submission that was cut short is begun by whoever takes it up", () => {
  const [submitted] = new PlayedRun(train).events;
  assert.ok(submitted !== undefined);
  const state = fold([submitted]);
  assert.deepEqual(outstanding(state), [{ kind: "begin" }]);
  assert.deepEqual(advance(state, { kind: "cancelRequested", atMs: 2, by: "ana" }), [{ kind: "finish", status: "cancelled" }]);
  assert.deepEqual(outstanding(state), [{ kind: "finish", status: "cancelled" }]);
});

test("a chain of 20,000 reused tasks is followed without a deep stack", () => {
  const names = Array.from({ length: 20_000 }, (_, i) => (i === 0 ? "start" : `s${i}`));
  const graph = graphOf(Object.fromEntries(names.map((name, i) => [name, { to: names[i + 1] ?? null }])));
  const first = new PlayedRun(graph);
  const reused = graph.steps.map(({ name, transition }) => {
    assert.ok(transition.kind === "linear" || transition.kind === "end");
    const task = `${name}/0` as (typeof first.state.order)[number]["id"];
    return { task, origin: first.state.submitted.run, attempt: 0, taken: transition, artifacts: {}, caught: null };
  });
  const run = new PlayedRun(graph, { reused, number: 2 });
  assert.deepEqual(run.effects, [{ kind: "finish", status: "succeeded" }]);
});
