import assert from "node:assert/strict";
import { test } from "node:test";
import type { Artifacts } from "../../proto/artifact.ts";
import { parseTaskId } from "../../proto/ids.ts";
import type { TaskInputs, TaskOrder } from "../../proto/order.ts";
import { artifactsOf, graphOf, PlayedRun } from "../../test/simulation/played-run.ts";
import { orderFor } from "./order.ts";
import { taskView } from "./task-view.ts";
import { runView } from "./view.ts";

const train = graphOf({
  start: { to: { each: "train" } },
  train: { to: "check" },
  check: { to: "join" },
  join: { to: "end", joins: "start" },
  end: { to: null },
});

function joinOf(order: TaskOrder): Extract<TaskInputs, { kind: "join" }> {
  assert.ok(order.inputs.kind === "join");
  return order.inputs;
}

function seenBy({ inputs }: TaskOrder): Artifacts {
  assert.ok(inputs.kind === "single");
  return inputs.artifacts;
}

test("a step sees all that was set before it, the latest value of each name", () => {
  const run = new PlayedRun(graphOf({ start: { to: "a" }, a: { to: "b" }, b: { to: "end" }, end: { to: null } }));
  assert.deepEqual(seenBy(run.succeed("start/0", { x: "1", y: "1" })), {});
  assert.deepEqual(seenBy(run.succeed("a/0", { x: "2" })), artifactsOf({ x: "1", y: "1" }));
  run.succeed("b/0");
  assert.deepEqual(seenBy(run.succeed("end/0")), artifactsOf({ x: "2", y: "1" }));
});

test("a card is seen at its own task, and by no step or join after it", () => {
  const run = new PlayedRun(train);
  run.succeed("start/0", { _card: "s", x: "1" }, 1);
  assert.deepEqual(seenBy(run.succeed("train/0", { _card: "t" })), artifactsOf({ x: "1" }));
  assert.deepEqual(seenBy(run.succeed("check/0")), artifactsOf({ x: "1" }));
  const { base, inputs } = joinOf(run.succeed("join/0", { _card: "j" }));
  assert.deepEqual([base, inputs[0]?.own], [artifactsOf({ x: "1" }), {}]);
  assert.deepEqual(taskView(run.state, parseTaskId("train/0"))?.artifacts, artifactsOf({ x: "1", _card: "t" }));
  run.succeed("end/0", { _card: "e" });
  assert.deepEqual(runView(run.state, null).result, {});
});

test("a chain of 100 steps carries its artifacts through to the end", () => {
  const names = Array.from({ length: 100 }, (_, i) => (i === 0 ? "start" : `s${i}`));
  const run = new PlayedRun(graphOf(Object.fromEntries(names.map((name, i) => [name, { to: names[i + 1] ?? null }]))));
  for (const [i, name] of names.entries()) {
    const order = run.succeed(`${name}/0`, { [`v${i % 40}`]: String(i) });
    assert.equal(Object.keys(seenBy(order)).length, Math.min(i, 40));
    if (i > 40) assert.deepEqual(seenBy(order)[`v${(i + 1) % 40}`], artifactsOf({ v: String(i - 39) })["v"]);
  }
});

test("a child of a foreach gets its own element and its index, a nested one those of both levels", () => {
  const run = new PlayedRun(
    graphOf({
      start: { to: { each: "row" } },
      row: { to: { each: "cell" } },
      cell: { to: "rowJoin" },
      rowJoin: { to: "join", joins: "row" },
      join: { to: "end", joins: "start" },
      end: { to: null },
    }),
  );
  run.succeed("start/0", {}, 2);
  run.succeed("row/1", {}, 3);
  const { frames } = run.succeed("cell/1.2");
  assert.deepEqual(frames, [
    { step: "start", index: 1, count: 2, element: { kind: "inline", base64: "e1" } },
    { step: "row", index: 2, count: 3, element: { kind: "inline", base64: "e2" } },
  ]);
  run.succeed("cell/1.0");
  run.succeed("cell/1.1");
  const join = run.succeed("rowJoin/1");
  assert.deepEqual(
    joinOf(join).inputs.map(({ task }) => task),
    ["cell/1.0", "cell/1.1", "cell/1.2"],
  );
  assert.deepEqual(
    join.frames.map(({ index }) => index),
    [1],
  );
});

test("the inputs of a join carry only what they don't share with what was before the split", () => {
  const run = new PlayedRun(train);
  run.succeed("start/0", { data: "big", kept: "1" }, 2);
  for (const i of [1, 0]) {
    run.succeed(`train/${i}`, { score: String(i), kept: i === 0 ? "1" : "2" });
    run.succeed(`check/${i}`, { ok: "yes" });
  }
  const { base, inputs, split } = joinOf(run.succeed("join/0"));
  assert.equal(split, "foreach");
  assert.deepEqual(base, artifactsOf({ data: "big", kept: "1" }));
  assert.deepEqual(inputs, [
    { task: "check/0", branch: "train", own: artifactsOf({ score: "0", ok: "yes" }), missing: [] },
    { task: "check/1", branch: "train", own: artifactsOf({ score: "1", kept: "2", ok: "yes" }), missing: [] },
  ]);
});

test("nothing is seen through a join but what it set, and its own join is told what is missing", () => {
  const run = new PlayedRun(
    graphOf({
      start: { to: ["left", "right"] },
      left: { to: { each: "body" } },
      body: { to: "inner" },
      inner: { to: "outer", joins: "left" },
      right: { to: "outer" },
      outer: { to: "end", joins: "start" },
      end: { to: null },
    }),
  );
  run.succeed("start/0", { before: "1", merged: "1" });
  run.succeed("left/0", {}, 1);
  run.succeed("body/0", { deep: "1" });
  run.succeed("inner/0", { merged: "1", own: "1" });
  run.succeed("right/0");
  const { inputs, split } = joinOf(run.succeed("outer/0", { result: "1" }));
  assert.equal(split, "branch");
  assert.deepEqual(inputs, [
    { task: "inner/0", branch: "left", own: artifactsOf({ own: "1" }), missing: ["before"] },
    { task: "right/0", branch: "right", own: {}, missing: [] },
  ]);
  assert.deepEqual(seenBy(run.succeed("end/0")), artifactsOf({ result: "1" }));
});

test("the join of an empty foreach has no inputs and sees what was before, and so does what follows it", () => {
  const run = new PlayedRun(train);
  run.succeed("start/0", { data: "big" }, 0);
  const { base, inputs } = joinOf(run.succeed("join/0", { result: "1" }));
  assert.deepEqual([base, inputs], [artifactsOf({ data: "big" }), []]);
  assert.deepEqual(seenBy(run.succeed("end/0")), artifactsOf({ data: "big", result: "1" }));
});

test("an order says what the step's policy and the run's options ask of the worker, and the run's present tags", () => {
  const policy = {
    timeoutSeconds: 9,
    environment: { A: "b" },
    resources: { cpu: 1, memoryMiB: 500, gpu: 0 },
    catch: { var: "seen", print: true },
  };
  const run = new PlayedRun(graphOf({ start: { to: "end", policy }, end: { to: null } }), { options: { isolation: "process" } });
  run.apply({ kind: "tagsChanged", atMs: 1, by: "ana", add: ["late"], remove: ["mine"] });
  const order = orderFor(run.state, parseTaskId("start/0"), { lease: 7 });
  assert.deepEqual(
    [
      order.attempt,
      order.lease,
      order.timeoutSeconds,
      order.memoryMiB,
      order.isolated,
      order.catchVar,
      order.keepOnFailure,
      order.environment,
    ],
    [0, 7, 9, 500, true, "seen", true, { A: "b" }],
  );
  assert.deepEqual(order.context, { tags: ["late"], namespace: "user:ana", user: "ana", originRun: null });
  run.succeed("start/0");
  assert.equal(orderFor(run.state, parseTaskId("end/0"), { lease: 8 }).memoryMiB, null);
});
