// A run of seven steps in which a foreach over a thousand shards partly fails: what the golden tests show.

import type { StoredRef } from "../../proto/artifact.ts";
import type { RecordedEvent, RunEvent } from "../../proto/event.ts";
import type { Failure } from "../../proto/failure.ts";
import { defaultPolicy, type FlowGraph, type StepNode, type Transition } from "../../proto/graph.ts";
import { parseFlowName, parseRunId, parseSha256, parseStepName, parseTaskId, type StepName } from "../../proto/ids.ts";
import type { ListedRun, RunView, StepView, TaskCounts } from "../../proto/view.ts";

export const run = parseRunId("TrainFlow/4213");
const flow = parseFlowName("TrainFlow");
/** 2026-11-24, four minutes past noon, universal time. */
export const startMs = Date.UTC(2026, 10, 24, 12, 4, 30);
const code = parseSha256("3f2c91a".padEnd(64, "0"));

function node(name: string, transition: Transition, more: Partial<StepNode> = {}): StepNode {
  return {
    name: parseStepName(name),
    doc: "",
    line: 1,
    file: "train.ts",
    transition,
    joins: null,
    within: [],
    policy: defaultPolicy,
    ...more,
  };
}

const step = (name: string): StepName => parseStepName(name);
const retried = { ...defaultPolicy, retry: { times: 2, minutesBetween: 0, backoff: 1, maxMinutes: 0, on: null } };

export const graph: FlowGraph = {
  flow,
  file: "train.ts",
  doc: "Trains one model per shard.",
  steps: [
    node("start", { kind: "linear", to: step("load") }),
    node("load", { kind: "linear", to: step("split") }),
    node("split", { kind: "foreach", to: step("train"), artifact: "shards" }),
    node("train", { kind: "linear", to: step("score") }, { within: [step("split")], policy: retried }),
    node("score", { kind: "linear", to: step("join") }, { within: [step("split")] }),
    node("join", { kind: "linear", to: step("end") }, { joins: step("split") }),
    node("end", { kind: "end" }),
  ],
  parameters: [],
};

const typeError: Failure = {
  kind: "userError",
  name: "TypeError",
  message: "x is undefined",
  stack: "TypeError: x is undefined\n    at train (flows/train.ts:41:20)",
  place: { file: "flows/train.ts", line: 41, column: 20 },
};

const usage = (atMs: number, durationMs: number) => ({
  startedAtMs: atMs - durationMs,
  finishedAtMs: atMs,
  cpuMs: durationMs,
  peakMiB: 80,
});

/** Builds the ledger of a run, one event after the other. */
export class Story {
  readonly events: RecordedEvent[] = [];

  add(event: RunEvent): void {
    this.events.push({ seq: this.events.length + 1, event });
  }

  begin(): void {
    this.add({
      kind: "runSubmitted",
      atMs: startMs,
      run,
      graph,
      codePackage: code,
      parameters: {},
      secrets: [],
      options: { failFast: false, splitsMax: 100_000, isolation: "warm", lossesMax: 5, workersMax: 64 },
      context: { tags: ["nightly"], namespace: "user:ana", user: "ana", originRun: null },
      systemTags: [],
    });
    this.add({ kind: "runStarted", atMs: startMs + 100 });
  }

  start(task: string, afterMs: number, attempt = 0): void {
    this.add({ kind: "taskStarted", atMs: startMs + afterMs, task: parseTaskId(task), attempt, lease: attempt + 1, worker: "w-01" });
  }

  succeed(task: string, afterMs: number, durationMs: number): void {
    const name = parseTaskId(task).split("/")[0];
    const { transition } = graph.steps.find((candidate) => candidate.name === name) ?? { transition: { kind: "end" } as const };
    const elements = { kind: "inline", base64: Array.from({ length: 1000 }, () => "") } as const;
    const taken = transition.kind === "foreach" ? { kind: "foreach" as const, to: transition.to, elements } : transition;
    if (taken.kind === "switch") throw new Error("this flow has no switch");
    const atMs = startMs + afterMs;
    this.add({
      kind: "taskSucceeded",
      atMs,
      task: parseTaskId(task),
      attempt: 0,
      lease: 1,
      taken,
      artifacts: {},
      usage: usage(atMs, durationMs),
    });
  }

  fail(task: string, afterMs: number, attempt: number): void {
    const atMs = startMs + afterMs;
    this.add({
      kind: "taskFailed",
      atMs,
      task: parseTaskId(task),
      attempt,
      lease: attempt + 1,
      failure: typeError,
      artifacts: {},
      usage: usage(atMs, 2000),
    });
  }
}

/** The first minute: 412 of 1,000 shards are trained, 64 at work, one has failed for good, another is tried again. */
export function firstMinute(): Story {
  const story = new Story();
  story.begin();
  story.start("start/0", 600);
  story.succeed("start/0", 1000, 400);
  story.start("load/0", 1100);
  story.succeed("load/0", 1900, 800);
  story.start("split/0", 2000);
  story.succeed("split/0", 3100, 1100);
  for (let index = 0; index < 412; index += 1) {
    story.start(`train/${index + 500}`, 3200 + index * 130);
    story.succeed(`train/${index + 500}`, 3300 + index * 130, 3100);
  }
  story.start("train/418", 30_000);
  story.fail("train/418", 32_000, 0);
  story.start("train/77", 33_000, 2);
  for (const [attempt, afterMs] of [
    [0, 34_000],
    [1, 36_000],
    [2, 39_000],
  ] as const) {
    if (attempt > 0) story.start("train/77", afterMs - 1000, attempt);
    story.fail("train/77", afterMs, attempt);
  }
  for (let index = 0; index < 64; index += 1) story.start(`train/${index}`, 57_000);
  return story;
}

const counts: TaskCounts = { ready: 0, running: 0, waiting: 0, succeeded: 0, failed: 0, cancelled: 0, caught: 0, reused: 0, retried: 0 };

function stepView(name: string, more: Partial<StepView> & { readonly counts?: TaskCounts } = {}): StepView {
  return {
    step: step(name),
    counts,
    total: null,
    startedAtMs: null,
    finishedAtMs: null,
    p50Ms: null,
    p95Ms: null,
    maxMs: null,
    slowest: null,
    p95PeakMiB: null,
    outOfMemory: 0,
    ...more,
  };
}

function single(name: string, durationMs: number): StepView {
  const times = { p50Ms: durationMs, p95Ms: durationMs, maxMs: durationMs };
  return stepView(name, {
    counts: { ...counts, succeeded: 1 },
    total: 1,
    startedAtMs: startMs,
    finishedAtMs: startMs + durationMs,
    ...times,
  });
}

const number: StoredRef = {
  kind: "stored",
  sha256: parseSha256("ab".repeat(32)),
  size: 9,
  type: "number",
  place: { kind: "inline", base64: "" },
};

export const artifacts = {
  accuracy: number,
  model: {
    ...number,
    sha256: parseSha256("cd".repeat(32)),
    size: 3_500_000,
    type: "Float64Array(437500)",
    place: { kind: "blob" },
  } as StoredRef,
  trainError: { kind: "caught", task: parseTaskId("train/77"), attempt: 2, failure: typeError } as const,
};

export const failedView: RunView = {
  run,
  flow,
  status: "failed",
  user: "ana",
  namespace: "user:ana",
  tags: ["nightly"],
  systemTags: ["user:ana", "runtime:local"],
  submittedAtMs: startMs,
  finishedAtMs: startMs + 190_000,
  originRun: null,
  counts: { ...counts, succeeded: 999, failed: 3, retried: 11 },
  seq: 3011,
  graph,
  codePackage: code,
  parameters: {},
  secrets: [],
  options: { failFast: false, splitsMax: 100_000, isolation: "warm", lossesMax: 5, workersMax: 64 },
  startedAtMs: startMs + 100,
  steps: [
    single("start", 400),
    single("split", 1100),
    stepView("train", {
      counts: { ...counts, succeeded: 997, failed: 3, retried: 11 },
      total: 1000,
      startedAtMs: startMs + 3000,
      p50Ms: 3100,
      p95Ms: 7900,
      maxMs: 22_400,
      slowest: parseTaskId("train/612"),
    }),
    stepView("score"),
    stepView("join", { total: 1 }),
  ],
  firstFailure: { task: parseTaskId("train/77"), attempt: 2, failure: typeError, atMs: startMs + 39_000 },
  result: null,
  owner: null,
};

export const succeededView: RunView = {
  ...failedView,
  run: parseRunId("TrainFlow/4214"),
  status: "succeeded",
  originRun: run,
  tags: [],
  counts: { ...counts, succeeded: 1004, reused: 999 },
  codePackage: parseSha256("9ab1e02".padEnd(64, "0")),
  firstFailure: null,
  result: artifacts,
};

export const excerpt = {
  place: { file: "flows/train.ts", line: 41, column: 20 },
  lines: [
    { line: 39, text: "  const row = this.shards[this.index];" },
    { line: 40, text: "  const x = row.features;" },
    { line: 41, text: "  this.score = fit(x.map(Number));" },
  ],
};

export const summaries: readonly ListedRun[] = [
  { ...failedView, counts: { ...counts, succeeded: 997, failed: 3 } },
  {
    ...failedView,
    run: parseRunId("EtlFlow/881"),
    flow: parseFlowName("EtlFlow"),
    user: "bo",
    submittedAtMs: startMs - 3 * 3600_000,
    finishedAtMs: startMs - 3 * 3600_000 + 764_000,
    tags: [],
    counts: { ...counts, succeeded: 80, failed: 1 },
  },
];
