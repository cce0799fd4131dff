// Graph shapes times behaviours, each run end to end by the built command with real processes, and read back through
// both the command line and the client. `MATRIX=all` resumes from every step instead of from one of each role.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { openClient } from "./client.ts";
import * as behaviours from "./behaviours.ts";
import { flowNameOf, flowSource, type Behaviour } from "./flow-source.ts";
import { shapes, stepsOf, taskCounts, visitsAfter, wideShape, type Shape, type ShapeStep } from "./shapes.ts";
import { stepwell, temporaryFolder } from "../command.ts";

type Finished = { readonly run: string; readonly status: string };

async function runFlow(
  folder: ReturnType<typeof temporaryFolder>,
  what: { readonly shape: Shape; readonly behaviour: Behaviour; readonly args?: readonly string[]; readonly env?: Record<string, string> },
) {
  folder.write("flow.ts", flowSource(what.shape, what.behaviour));
  const ran = await stepwell(folder.path, ["run", "flow.ts", "--json", ...(what.args ?? [])], { env: what.env ?? {} });
  return { ...ran, finished: finishedOf(ran.stdout, ran.stderr) };
}

function finishedOf(stdout: string, stderr: string): Finished {
  assert.notEqual(stdout.trim(), "", stderr);
  return JSON.parse(stdout) as Finished;
}

function countsOf(run: {
  readonly steps: readonly { readonly id: string; readonly counts: { readonly succeeded: number } }[];
}): Record<string, number> {
  return Object.fromEntries(run.steps.map((step) => [step.id, step.counts.succeeded]).filter(([, count]) => count !== 0));
}

const oneOfEachRole = (shape: Shape): readonly ShapeStep[] =>
  stepsOf(shape).filter((step, i, all) => process.env["MATRIX"] === "all" || all.findIndex((other) => other.role === step.role) === i);

for (const shape of shapes) {
  describe(`shape ${shape.name}`, () => {
    for (const behaviour of [
      behaviours.artifacts,
      behaviours.merge,
      behaviours.retry,
      behaviours.catchException,
      behaviours.catchKill,
      behaviours.catchTimeout,
    ]) {
      test(`${behaviour.name}: every step runs as often as the shape says, and the visits add up`, async () => {
        using folder = temporaryFolder();
        const { finished, stderr, code } = await runFlow(folder, { shape, behaviour });
        assert.equal(finished.status, "succeeded", stderr);
        assert.equal(code, 0);
        assert.equal(finished.run, `${flowNameOf(shape, behaviour)}/1`);

        const visits = await stepwell(folder.path, ["get", `${finished.run}/end/0/visits`, "--json"]);
        await using client = await openClient(folder.path);
        const run = await client.stepwell.run<{ visits: number }>(finished.run);
        assert.deepEqual(countsOf(run), Object.fromEntries(taskCounts(shape)));
        if (behaviour !== behaviours.catchKill) {
          assert.equal(Number(visits.stdout), visitsAfter(shape));
          assert.equal(run.data.visits, visitsAfter(shape));
        }
        if (behaviour === behaviours.retry)
          assert.equal(
            run.counts.retried,
            [...taskCounts(shape).values()].reduce((sum, count) => sum + count, 0),
          );
        if (behaviour.name.startsWith("catch")) await checkCaught(run, { shape, behaviour });
      });
    }

    test("resume: what succeeded before the failing step is reused, the rest runs, and the result is the same", async () => {
      for (const failing of oneOfEachRole(shape).filter((step) => (taskCounts(shape).get(step.name) ?? 0) > 0)) {
        using folder = temporaryFolder();
        const failed = await runFlow(folder, { shape, behaviour: behaviours.resume, env: { FAIL_AT: failing.name } });
        assert.equal(failed.code, 1, failing.name);
        assert.equal(failed.finished.status, "failed");
        const resumed = await stepwell(folder.path, ["resume", "--json"]);
        const finished = finishedOf(resumed.stdout, resumed.stderr);
        assert.equal(finished.status, "succeeded", `${failing.name}: ${resumed.stderr}`);

        await using client = await openClient(folder.path);
        const [before, after] = [
          await client.stepwell.run(failed.finished.run),
          await client.stepwell.run<{ visits: number }>(finished.run),
        ];
        assert.equal(after.originRun, before.id);
        assert.equal(after.counts.reused, before.counts.succeeded, failing.name);
        assert.equal(after.data.visits, visitsAfter(shape));
      }
    });
  });
}

async function checkCaught(
  run: Awaited<ReturnType<Awaited<ReturnType<typeof openClient>>["stepwell"]["run"]>>,
  what: { readonly shape: Shape; readonly behaviour: Behaviour },
): Promise<void> {
  const expected = { catch_exception: "userError", catch_kill: "signal", catch_timeout: "timeout" }[what.behaviour.name];
  for (const { name, role } of stepsOf(what.shape)) {
    if (role !== "linear" || (taskCounts(what.shape).get(name) ?? 0) === 0) continue;
    for await (const task of run.step(name).tasks()) {
      const failing = (task.index ?? 0) === 0;
      assert.equal(task.status, "succeeded");
      assert.equal(task.successful, !failing, task.id);
      assert.equal(task.failure?.kind ?? null, failing ? expected : null, task.id);
      const oops: unknown = await task.artifact("oops").value();
      assert.equal(oops instanceof Error, failing, task.id);
    }
  }
}

test("wide foreach: 1,200 tasks, joined in order, listed by the client", async () => {
  using folder = temporaryFolder();
  const { finished, stderr } = await runFlow(folder, { shape: wideShape, behaviour: behaviours.artifacts });
  assert.equal(finished.status, "succeeded", stderr);
  await using client = await openClient(folder.path);
  const run = await client.stepwell.run<{ visits: number; order: number[] }>(finished.run);
  const indexes: (number | null)[] = [];
  for await (const task of run.step("inner").tasks()) indexes.push(task.index);
  assert.deepEqual(
    indexes,
    Array.from({ length: 1200 }, (_, i) => i),
  );
  assert.equal(run.data.visits, visitsAfter(wideShape));
});

const deep = shapes.find((shape) => shape.name === "nested_foreach");
const plain = shapes.find((shape) => shape.name === "linear");
assert.ok(deep !== undefined && plain !== undefined);

test("logs: 10,000 lines of one step arrive complete, in order, and on their stream", async () => {
  using folder = temporaryFolder();
  const { finished } = await runFlow(folder, { shape: plain, behaviour: behaviours.logs, env: { LINES: "10000" } });
  const printed = await stepwell(folder.path, ["logs", `${finished.run}/a/0`, "--stdout"]);
  const lines = printed.stdout.split("\n").filter((line) => line.startsWith("a a/0"));
  assert.deepEqual(
    lines,
    Array.from({ length: 10_000 }, (_, i) => `a a/0 ${i} äß漢`),
  );
  await using client = await openClient(folder.path);
  const task = await client.stepwell.task(`${finished.run}/a/0`);
  assert.equal(await task.stderr(), "complaint of a\n");
});

test("logs: every task of a nested foreach keeps its own", async () => {
  using folder = temporaryFolder();
  const { finished } = await runFlow(folder, { shape: deep, behaviour: behaviours.logs, env: { LINES: "3" } });
  await using client = await openClient(folder.path);
  const run = await client.stepwell.run(finished.run);
  for await (const task of run.step("inner").tasks()) {
    assert.equal(await task.stdout(), [0, 1, 2].map((i) => `inner ${task.id} ${i} äß漢\n`).join(""));
  }
});

for (const shape of shapes) {
  test(`parameters of ${shape.name}: typed, from the command line, the same in every step, and immutable`, async () => {
    using folder = temporaryFolder();
    const { finished, stderr } = await runFlow(folder, {
      shape,
      behaviour: behaviours.parameters,
      args: ["--required", "yes", "--words", '{"b":[2,3]}'],
    });
    assert.equal(finished.status, "succeeded", stderr);
    const seen = await stepwell(folder.path, ["get", `${finished.run}/end/0/seen`, "--json"]);
    assert.equal(JSON.parse(seen.stdout), '0.5 {"b":[2,3]} yes');
  });
}

test("tags: given at the start, changed later, seen on the run and its tasks", async () => {
  using folder = temporaryFolder();
  const { finished } = await runFlow(folder, {
    shape: plain,
    behaviour: behaviours.artifacts,
    args: ["--tag", "刺身 means sashimi", "--tag", "second"],
  });
  await stepwell(folder.path, ["tag", "add", finished.run, "third"]);
  await stepwell(folder.path, ["tag", "rm", finished.run, "second"]);
  await using client = await openClient(folder.path);
  const task = await client.stepwell.task(`${finished.run}/a/0`);
  assert.ok(task.tags.includes("刺身 means sashimi") && task.tags.includes("third") && !task.tags.includes("second"));
  assert.ok(task.tags.includes("user:tester"));
});
