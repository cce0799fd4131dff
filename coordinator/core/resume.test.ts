import assert from "node:assert/strict";
import { test } from "node:test";
import type { ResumeRequest, SubmitRequest } from "../../proto/control.ts";
import { defaultRunOptions } from "../../proto/event.ts";
import type { FlowGraph } from "../../proto/graph.ts";
import { parseSha256, parseStepName } from "../../proto/ids.ts";
import { graphOf, PlayedRun, userError } from "../../test/simulation/played-run.ts";
import { planResume, type PlannedResume } from "./resume.ts";
import { summaryOf } from "./view.ts";

const caught = { catch: { var: null, print: true } };
const train = graphOf({
  start: { to: { each: "train" } },
  train: { to: "check", policy: caught },
  check: { to: "join" },
  join: { to: "end", joins: "start" },
  end: { to: null },
});

function request(
  origin: PlayedRun,
  resume: Partial<ResumeRequest> = {},
  graph: FlowGraph = train,
): SubmitRequest & { readonly resume: ResumeRequest } {
  return {
    graph,
    codePackage: parseSha256("d".repeat(64)),
    parameters: {},
    secrets: [],
    options: { ...defaultRunOptions, workersMax: 4 },
    tags: [],
    systemTags: [],
    namespace: "user:ana",
    user: "ana",
    resume: {
      origin: origin.state.submitted.run,
      from: null,
      changedSteps: [],
      changedParameters: [],
      stepsReadingParameters: {},
      rerunCaught: false,
      ...resume,
    },
  };
}

function planned(origin: PlayedRun, resume: Partial<ResumeRequest> = {}, graph: FlowGraph = train): PlannedResume {
  const answer = planResume(origin.state, request(origin, resume, graph));
  if (answer.kind === "refused") assert.fail(answer.message);
  return answer;
}

/** `reuse/run` of each step, and the reason where something runs. */
function table({ plan }: PlannedResume): Record<string, string> {
  return Object.fromEntries(plan.steps.map(({ step, reuse, run, why }) => [step, `${reuse}/${run}${why === null ? "" : ` ${why}`}`]));
}

function failedRun(): PlayedRun {
  const run = new PlayedRun(train);
  run.succeed("start/0", {}, 3);
  for (const i of [0, 1, 2]) run.succeed(`train/${i}`, { score: String(i) });
  run.succeed("check/0");
  run.fail("check/1", userError("bad fold"));
  run.succeed("check/2");
  return run;
}

test("within a foreach each task is reused or run for itself, and the plan says why", () => {
  assert.deepEqual(table(planned(failedRun())), {
    start: "1/0",
    train: "3/0",
    check: "2/1 check/1 failed: Error: bad fold",
    join: "0/1 something before it runs again",
    end: "0/1 something before it runs again",
  });
});

test("a step to start from, and everything after it, runs again even where it succeeded", () => {
  const steps = table(planned(failedRun(), { from: parseStepName("train") }));
  assert.equal(steps["start"], "1/0");
  assert.equal(steps["train"], "0/3 asked to start from here");
  assert.equal(steps["check"], "0/3 it comes after train");
});

test("changed code and changed parameters run again with all that follows them; a width that may change is not foretold", () => {
  const code = table(planned(failedRun(), { changedSteps: [parseStepName("start")] }));
  assert.equal(code["start"], "0/1 its code has changed");
  assert.equal(code["train"], "0/null it comes after start");
  const reading = {
    changedParameters: ["rate"],
    stepsReadingParameters: { rate: [parseStepName("check")], other: [parseStepName("start")] },
  };
  const parameter = table(planned(failedRun(), reading));
  assert.equal(parameter["train"], "3/0");
  assert.equal(parameter["check"], "0/3 it reads rate, which has changed");
});

test("a caught task is reused as caught, or runs again when asked to", () => {
  const run = new PlayedRun(train);
  run.succeed("start/0", {}, 2);
  run.fail("train/0");
  run.succeed("train/1");
  const kept = planned(run);
  assert.equal(table(kept)["train"], "2/0");
  const next = new PlayedRun(train, { reused: kept.reused, number: 2 });
  assert.deepEqual([summaryOf(next.state).counts.caught, summaryOf(next.state).counts.reused], [1, 3]);
  assert.equal(table(planned(run, { rerunCaught: true }))["train"], "1/1 train/0 failed and was caught");
});

test("a resumed run starts only what it doesn't reuse, and is resumed with the runs that executed each task", () => {
  const first = failedRun();
  const second = new PlayedRun(train, { reused: planned(first).reused, number: 2 });
  assert.deepEqual(second.effects, [{ kind: "enqueue", task: "check/1", attempt: 0 }]);
  second.succeed("check/1");
  second.fail("join/0");
  const { reused, plan } = planned(second);
  assert.equal(plan.origin, "PlayedFlow/2");
  assert.deepEqual(Object.fromEntries(reused.map(({ task, origin }) => [task, origin])), {
    "start/0": "PlayedFlow/1",
    "train/0": "PlayedFlow/1",
    "train/1": "PlayedFlow/1",
    "train/2": "PlayedFlow/1",
    "check/0": "PlayedFlow/1",
    "check/1": "PlayedFlow/2",
    "check/2": "PlayedFlow/1",
  });
});

test("a success on a later attempt is reused with that attempt", () => {
  const run = new PlayedRun(train);
  run.lose("start/0");
  run.succeed("start/0", {}, 1);
  assert.equal(planned(run).reused[0]?.attempt, 1);
});

test("an empty foreach is reused with its join", () => {
  const run = new PlayedRun(train);
  run.succeed("start/0", {}, 0);
  run.succeed("join/0");
  run.fail("end/0");
  assert.deepEqual(
    planned(run).reused.map(({ task }) => task),
    ["start/0", "join/0"],
  );
  assert.equal(table(planned(run))["train"], "0/0");
});

test("a join is not reused when one of its inputs is not", () => {
  const run = failedRun();
  run.apply({ kind: "retryRequested", atMs: 1, by: "ana", tasks: null });
  run.succeed("check/1");
  run.succeed("join/0");
  run.fail("end/0");
  assert.equal(table(planned(run))["join"], "1/0");
  assert.equal(table(planned(run, { changedSteps: [parseStepName("check")] }))["join"], "0/1 it comes after check");
});

test("another flow, and a step that isn't there to start from, are refused", () => {
  const run = failedRun();
  const other = graphOf({ start: { to: "end" }, end: { to: null } });
  const foreign = planResume(run.state, request(run, {}, { ...other, flow: "OtherFlow" as FlowGraph["flow"] }));
  assert.ok(foreign.kind === "refused");
  assert.equal(foreign.message, "PlayedFlow/1 is a run of PlayedFlow; OtherFlow cannot resume it");
  const missing = planResume(run.state, request(run, { from: parseStepName("tain") }));
  assert.ok(missing.kind === "refused");
  assert.equal(missing.message, "PlayedFlow has no step tain to start from; it has start, train, check, join, end");
});
