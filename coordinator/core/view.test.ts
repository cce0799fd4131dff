import assert from "node:assert/strict";
import { test } from "node:test";
import { parseStepName, parseTaskId, type TaskId } from "../../proto/ids.ts";
import { artifactsOf, graphOf, PlayedRun, userError } from "../../test/simulation/played-run.ts";
import { countValue, newTally, quantileOf } from "./tally.ts";
import { taskView, tasksPage } from "./task-view.ts";
import { runView, summaryOf } from "./view.ts";

const retry = { times: 1, minutesBetween: 1, backoff: 1, maxMinutes: 9, on: null };
const nested = graphOf({
  start: { to: { each: "row" } },
  row: { to: { each: "cell" }, policy: { retry } },
  cell: { to: "rowJoin" },
  rowJoin: { to: "join", joins: "row" },
  join: { to: "end", joins: "start" },
  end: { to: null },
});
const choice = graphOf({
  start: { to: { cases: { big: "large", small: "after" } } },
  large: { to: "after" },
  after: { to: "end" },
  end: { to: null },
});

function totals(run: PlayedRun): Record<string, number | null> {
  return Object.fromEntries(runView(run.state, null).steps.map(({ step, total }) => [step, total]));
}

test("a step's total is known as soon as every foreach around it has been counted", () => {
  const run = new PlayedRun(nested);
  assert.deepEqual(totals(run), { start: 1, row: null, cell: null, rowJoin: null, join: 1, end: 1 });
  run.succeed("start/0", {}, 2);
  assert.deepEqual(totals(run), { start: 1, row: 2, cell: null, rowJoin: 2, join: 1, end: 1 });
  run.succeed("row/0", {}, 3);
  assert.equal(totals(run)["cell"], null);
  run.succeed("row/1", {}, 0);
  assert.equal(totals(run)["cell"], 3);
});

test("a step that a switch may pass by has no total until it is reached or the run is over", () => {
  const run = new PlayedRun(choice);
  assert.deepEqual(totals(run), { start: 1, large: null, after: 1, end: 1 });
  run.succeed("start/0", {}, "small");
  run.succeed("after/0");
  run.succeed("end/0", { answer: "42" });
  assert.deepEqual(totals(run), { start: 1, large: 0, after: 1, end: 1 });
  assert.deepEqual(runView(run.state, null).result, artifactsOf({ answer: "42" }));
});

test("the summary counts every task once, those backing off among the waiting", () => {
  const run = new PlayedRun(nested);
  run.succeed("start/0", {}, 4);
  run.fail("row/0");
  run.start("row/1");
  run.succeed("row/2", {}, 0);
  const { counts, status } = summaryOf(run.state);
  assert.equal(status, "running");
  assert.deepEqual(counts, { ready: 2, running: 1, waiting: 1, succeeded: 2, failed: 0, cancelled: 0, caught: 0, reused: 0, retried: 0 });
});

test("the first failure is shown until a retry in place takes its task up", () => {
  const run = new PlayedRun(
    graphOf({ start: { to: ["a", "b"] }, a: { to: "join" }, b: { to: "join" }, join: { to: "end", joins: "start" }, end: { to: null } }),
  );
  run.succeed("start/0");
  run.fail("b/0", userError("first"));
  run.fail("a/0", userError("second"));
  assert.equal(runView(run.state, "1@host").firstFailure?.task, "b/0");
  run.apply({ kind: "retryRequested", atMs: 1, by: "ana", tasks: [parseTaskId("b/0")] });
  assert.equal(runView(run.state, null).firstFailure?.task, "a/0");
});

test("a task's view has its attempts, its way, its relatives and what is visible after it", () => {
  const run = new PlayedRun(nested);
  run.succeed("start/0", { data: "1" }, 2);
  run.fail("row/1");
  const backing = taskView(run.state, parseTaskId("row/1"));
  assert.deepEqual([backing?.status, backing?.retryAtMs, backing?.artifacts], ["backoff", run.atMs + 60_000, {}]);
  run.apply({ kind: "retryDue", atMs: 9, task: parseTaskId("row/1"), attempt: 1 });
  run.succeed("row/1", { own: "2" }, 2);
  const view = taskView(run.state, parseTaskId("row/1"));
  assert.deepEqual(
    view?.attempts.map(({ attempt, outcome }) => [attempt, outcome]),
    [
      [0, "failed"],
      [1, "succeeded"],
    ],
  );
  assert.deepEqual([view?.parents, view?.children, view?.produced], [["start/0"], ["cell/1.0", "cell/1.1"], ["own"]]);
  assert.deepEqual(view?.artifacts, artifactsOf({ data: "1", own: "2" }));
  run.succeed("cell/1.1");
  assert.deepEqual(taskView(run.state, parseTaskId("cell/1.1"))?.children, ["rowJoin/1"]);
  assert.deepEqual(taskView(run.state, parseTaskId("rowJoin/1"))?.parents, ["cell/1.1"]);
  assert.equal(taskView(run.state, parseTaskId("cell/0.0")), null);
});

test("pages of tasks follow each other without gap or repetition at every size around the limit", () => {
  for (const width of [9, 10, 11]) {
    const run = new PlayedRun(nested);
    run.succeed("start/0", {}, width);
    run.succeed("row/3", {}, 1);
    const seen: TaskId[] = [];
    let cursor: string | undefined;
    do {
      const page = tasksPage(run.state, {
        step: parseStepName("row"),
        status: ["ready"],
        limit: 5,
        ...(cursor !== undefined && { cursor }),
      });
      assert.ok(!("reason" in page));
      assert.equal(page.total, width - 1);
      seen.push(...page.items.map(({ task }) => task));
      cursor = page.next ?? undefined;
    } while (cursor !== undefined);
    assert.deepEqual(
      seen,
      Array.from({ length: width }, (_, i) => `row/${i}`).filter((task) => task !== "row/3"),
    );
  }
});

test("a cursor that is none, and a page of nothing, are refused", () => {
  const { state } = new PlayedRun(nested);
  for (const query of [{ limit: 5, cursor: "next" }, { limit: 5, cursor: "-1" }, { limit: 0 }]) {
    const page = tasksPage(state, query);
    assert.ok("reason" in page && page.reason === "invalid");
  }
});

test("quantiles are exact below 64 ms and within 1.6 % above", () => {
  const run = new PlayedRun(choice);
  const [task] = run.state.order;
  assert.ok(task !== undefined);
  for (const scale of [0.05, 1, 1000]) {
    const { durations } = newTally();
    assert.equal(quantileOf(durations, 0.5), null);
    for (let i = 1; i <= 1000; i++) countValue(durations, task, i * scale);
    for (const share of [0.5, 0.95, 1]) {
      const exact = Math.round(share * 1000 * scale);
      const told = quantileOf(durations, share) ?? Number.NaN;
      assert.ok(Math.abs(told - exact) <= (exact < 64 ? 0 : exact * 0.016), `${share} of ${scale}: ${told}, exactly ${exact}`);
    }
    assert.equal(durations.max, Math.round(1000 * scale));
  }
});
