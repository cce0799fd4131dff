// The checkers themselves: of a right history they say nothing, and of each wrong one what is wrong with it.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { RecordedEvent, RunEvent } from "../../../proto/event.ts";
import type { RunId, TaskId } from "../../../proto/ids.ts";
import { judgeClients, type Final, type Operation } from "./client-history.ts";
import { effectsOf, judge } from "./history.ts";

const run = "ChaosFlow/1" as RunId;
const expected = { tasks: new Map([["start/0", "succeeds"] as const, ["unit/5", "caught"] as const]) };

type Told = Pick<RecordedEvent, "seq"> & { readonly event: object };

function history(...events: readonly object[]): readonly RecordedEvent[] {
  return events.map((event, index): Told => ({ seq: index + 1, event })) as readonly RecordedEvent[];
}

const started = (task: string, attempt: number, lease: number): object => ({ kind: "taskStarted", task, attempt, lease });
const succeeded = (task: string, attempt: number, lease: number): object => ({ kind: "taskSucceeded", task, attempt, lease });
const failed = (task: string, attempt: number, lease: number): object => ({
  kind: "taskFailed",
  task,
  attempt,
  lease,
  failure: { kind: "userError" },
});

const right = [started("start/0", 0, 1), succeeded("start/0", 0, 1), started("unit/5", 0, 2), failed("unit/5", 0, 2)];
const lines = [`${run} start/0 0 began 7`, `${run} start/0 0 ended 7`, `${run} unit/5 0 began 7`];

function problemsOf(events: readonly object[], effects: readonly string[] = lines): readonly string[] {
  return judge(history(...events), effectsOf(effects, run), expected).problems;
}

describe("the judge of a run", () => {
  test("says nothing of a right history, however often something was executed", () => {
    assert.deepEqual(problemsOf(right), []);
    const repeated = [...lines, ...lines];
    assert.deepEqual(problemsOf(right, repeated), []);
    assert.equal(judge(history(...right), effectsOf(repeated, run), expected).repeated, 2);
  });

  for (const [what, events, problem] of [
    ["a task that was lost", right.slice(2), /start\/0 was lost/],
    ["a task that was accepted twice", [...right, succeeded("start/0", 0, 1)], /accepted 2 times/],
    ["a result under an old lease", [started("start/0", 0, 3), ...right.slice(1)], /under lease 1, and the current is 0 under lease 3/],
    ["a lease that falls", [...right, started("unit/5", 1, 1), failed("unit/5", 1, 1)], /lease 1 after 2/],
    ["a start after the result", [...right, started("start/0", 1, 9)], /started after its result/],
    ["a task that the flow has not", [...right, started("other/0", 0, 3), succeeded("other/0", 0, 3)], /no task of this flow/],
    ["a failure that became a result", [...right, started("unit/5", 1, 3), succeeded("unit/5", 1, 3)], /always fails/],
  ] as const) {
    test(`finds ${what}`, () =>
      assert.ok(
        problemsOf(events).some((text) => problem.test(text)),
        problemsOf(events).join("; "),
      ));
  }

  test("finds a result that nobody executed, and an execution that the ledger does not know", () => {
    assert.match(problemsOf(right, lines.slice(2)).join(), /nobody has executed it/);
    assert.match(problemsOf(right, [...lines, `${run} start/0 4 began 7`]).join(), /the ledger knows no such attempt/);
  });

  test("finds a gap", () => {
    const gap = [...history(...right), { seq: 9, event: { kind: "runStarted", atMs: 0 } satisfies RunEvent }];
    assert.match(judge(gap, effectsOf(lines, run), expected).problems.join(), /event 5 has the number 9/);
  });
});

const submit: Operation = { kind: "submit", run, tag: "submission-1", beganMs: 0, endedMs: 1, answer: "done" };
const read = (beganMs: number, seq: number, tags: readonly string[]): Operation => ({
  kind: "read",
  run,
  beganMs,
  endedMs: beganMs + 1,
  answer: "done",
  seen: { seq, tags: ["submission-1", ...tags] },
});
const tagged = (tag: string, answer: Operation["answer"] = "done"): Operation => ({
  kind: "tag",
  run,
  tag,
  beganMs: 10,
  endedMs: 11,
  answer,
});
const changed = (kind: "cancel" | "retry"): Operation => ({ kind, run, beganMs: 10, endedMs: 11, answer: "done" });
const final = (tags: readonly string[], ...events: readonly object[]): Final => ({
  run,
  tags: ["submission-1", ...tags],
  events: history({ kind: "runSubmitted" }, ...events),
});

describe("the judge of clients", () => {
  test("says nothing where one order explains all answers", () => {
    const operations = [submit, tagged("a"), read(5, 1, []), read(20, 1, ["a"]), tagged("b", "unknown"), changed("cancel")];
    assert.deepEqual(judgeClients(operations, [final(["a"], { kind: "cancelRequested" })]), []);
  });

  const start = { kind: "taskStarted", task: "start/0" as TaskId };
  for (const [what, operations, finals, problem] of [
    ["a submission that vanished", [submit], [], /has its tag/],
    ["a run of nobody", [], [final([])], /nobody submitted/],
    ["a submission that is two runs", [submit], [final([]), { ...final([]), run: "ChaosFlow/2" as RunId }], /made 2 runs/],
    [
      "a read that goes back",
      [submit, read(5, 4, []), read(20, 3, [])],
      [final([], start, start, start)],
      /event 3 after another had shown 4/,
    ],
    ["an accepted tag that a read misses", [submit, tagged("a"), read(20, 1, [])], [final(["a"])], /missed the tags a/],
    ["a tag that goes away", [submit, tagged("a", "unknown"), read(20, 1, ["a"])], [final([])], /missed the tags a/],
    ["a tag of nobody", [submit], [final(["x"])], /nobody gave the tags x/],
    ["a cancellation that is not recorded", [submit, changed("cancel")], [final([])], /0 times cancel/],
    ["another try that nobody asked for", [submit], [final([], { kind: "retryRequested" })], /1 times retry/],
    [
      "a start after a cancellation",
      [submit, changed("cancel")],
      [final([], { kind: "cancelRequested" }, start)],
      /after the run had been/,
    ],
  ] as const) {
    test(`finds ${what}`, () => assert.match(judgeClients(operations, finals).join("; "), problem));
  }
});
