// The counts that the window shows are held against the coordinator's own state, over random histories of a flow with
// every kind of transition.

import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { advance } from "../../coordinator/core/advance.ts";
import { decideCancel, decideLost, decideOutcome, decideRetry, decideRetryDue, decideStart } from "../../coordinator/core/decide.ts";
import type { Decision } from "../../coordinator/core/decision.ts";
import { initialState, lastAttempt, readyTasks, type RunState, type RunSubmitted, type Task } from "../../coordinator/core/state.ts";
import { runView } from "../../coordinator/core/view.ts";
import type { RecordedEvent, RunEvent } from "../../proto/event.ts";
import type { Failure } from "../../proto/failure.ts";
import { defaultPolicy, type FlowGraph, type StepNode, type StepPolicy, type Transition } from "../../proto/graph.ts";
import { parseFlowName, parseRunId, parseSha256, parseStepName } from "../../proto/ids.ts";
import type { TakenTransition } from "../../proto/order.ts";
import { RunProgress } from "./progress.ts";

const run = parseRunId("MixedFlow/1");
const step = parseStepName;
const to = (name: string): Transition => ({ kind: "linear", to: step(name) });
const foreach = (name: string): Transition => ({ kind: "foreach", to: step(name), artifact: "items" });
const retry = { times: 1, minutesBetween: 0, backoff: 1, maxMinutes: 0, on: null };

function node(
  name: string,
  transition: Transition,
  more: { within?: string[]; joins?: string; policy?: Partial<StepPolicy> } = {},
): StepNode {
  const within = (more.within ?? []).map((split) => step(split));
  const joins = more.joins === undefined ? null : step(more.joins);
  return { name: step(name), doc: "", line: 1, file: "f.ts", transition, joins, within, policy: { ...defaultPolicy, ...more.policy } };
}

const graph: FlowGraph = {
  flow: parseFlowName("MixedFlow"),
  file: "f.ts",
  doc: "",
  parameters: [],
  steps: [
    node("start", { kind: "branch", to: [step("outer"), step("choose")] }),
    node("outer", foreach("inner"), { within: ["start"], policy: { retry } }),
    node("inner", foreach("leaf"), { within: ["start", "outer"] }),
    node("leaf", to("joinInner"), { within: ["start", "outer", "inner"], policy: { retry, catch: { var: "error", print: true } } }),
    node("joinInner", to("joinOuter"), { within: ["start", "outer"], joins: "inner" }),
    node("joinOuter", to("join"), { within: ["start"], joins: "outer" }),
    node("choose", { kind: "switch", condition: "size", cases: { big: step("big"), small: step("small") } }, { within: ["start"] }),
    node("big", foreach("bigLeaf"), { within: ["start"] }),
    node("bigLeaf", to("bigJoin"), { within: ["start", "big"] }),
    node("bigJoin", to("join"), { within: ["start"], joins: "big" }),
    node("small", to("join"), { within: ["start"], policy: { retry } }),
    node("join", to("end"), { joins: "start" }),
    node("end", { kind: "end" }),
  ],
};

/** Drives a run by numbers: each says which of the possible things happens next. */
class History {
  readonly state: RunState;
  readonly progress = new RunProgress(run, graph);
  atMs = 0;
  #lease = 0;

  constructor(failFast: boolean) {
    const submitted: RunSubmitted = {
      kind: "runSubmitted",
      atMs: 0,
      run,
      graph,
      codePackage: parseSha256("0".repeat(64)),
      parameters: {},
      secrets: [],
      options: { failFast, splitsMax: 100, isolation: "warm", lossesMax: 1, workersMax: 4 },
      context: { tags: [], namespace: "user:ana", user: "ana", originRun: null },
      systemTags: [],
    };
    this.state = initialState(submitted);
    this.progress.apply({ seq: 1, event: submitted });
    this.#apply({ kind: "runStarted", atMs: 0 });
  }

  next(choice: number): void {
    this.atMs += 1;
    const ready = [...readyTasks(this.state)];
    const running = [...this.state.running];
    const waiting = [...this.state.backingOff];
    const [first] = ready;
    const task = running[choice % Math.max(1, running.length)];
    if (choice % 97 === 0) return this.#decide(decideCancel(this.state, { by: "ana", atMs: this.atMs }));
    const [due] = waiting;
    if (due !== undefined)
      return this.#decide(decideRetryDue(this.state, { task: due.id, attempt: (lastAttempt(due)?.attempt ?? 0) + 1, atMs: this.atMs }));
    if (first !== undefined && (choice % 3 === 0 || task === undefined)) return this.#start(first);
    if (task !== undefined) return this.#end(task, choice);
    this.#decide(decideRetry(this.state, { by: "ana", tasks: null, atMs: this.atMs }));
  }

  #start({ task, attempt }: { task: Task["id"]; attempt: number }): void {
    this.#lease += 1;
    this.#decide(decideStart(this.state, { task, attempt, lease: this.#lease, worker: "w", atMs: this.atMs }));
  }

  #end(task: Task, choice: number): void {
    const held = { task: task.id, attempt: lastAttempt(task)?.attempt ?? 0, lease: lastAttempt(task)?.lease ?? 0, atMs: this.atMs };
    if (choice % 11 === 1)
      return this.#decide(decideLost(this.state, { ...held, worker: "w", how: choice % 2 === 0 ? "lost" : "drained" }));
    const usage = { startedAtMs: this.atMs - 1, finishedAtMs: this.atMs, cpuMs: 1, peakMiB: 1 };
    const failure: Failure = this.state.stopping === null ? { kind: "timeout", afterSeconds: 1 } : { kind: "cancelled", by: "ana" };
    const outcome =
      choice % 5 === 2
        ? ({ kind: "failed", failure, artifacts: {}, usage } as const)
        : ({ kind: "succeeded", taken: takenOf(task.step.node, choice), artifacts: {}, usage } as const);
    this.#decide(decideOutcome(this.state, { ...held, outcome }));
  }

  #decide(decision: Decision): void {
    if (decision.kind === "accepted") for (const event of decision.events) this.#apply(event);
  }

  #apply(event: RunEvent): void {
    advance(this.state, event);
    const recorded: RecordedEvent = { seq: this.state.seq, event };
    const change = this.progress.apply(recorded);
    if (event.kind === "taskFailed") assert.equal(change?.kind, changes[this.state.tasks.get(event.task)?.state.kind ?? "waiting"]);
  }
}

/** What is told of a failed attempt, by the state that it leaves the task in. */
const changes: Readonly<Record<Task["state"]["kind"], string>> = {
  waiting: "nothing",
  running: "nothing",
  ready: "taskRetrying",
  backoff: "taskRetrying",
  succeeded: "taskCaught",
  failed: "taskFailed",
  cancelled: "taskCancelled",
};

function takenOf({ transition }: StepNode, choice: number): TakenTransition {
  if (transition.kind === "switch") {
    const value = choice % 2 === 0 ? "big" : "small";
    return { kind: "switch", value, to: step(value) };
  }
  if (transition.kind !== "foreach") return transition;
  return { kind: "foreach", to: transition.to, elements: { kind: "inline", base64: Array.from({ length: choice % 4 }, () => "") } };
}

function counted(history: History): unknown {
  return history.progress.steps.map(({ node, running, succeeded, failed, caught }) => [node.name, { running, succeeded, failed, caught }]);
}

function expected(history: History): unknown {
  return runView(history.state, null).steps.map(({ step, counts: { running, succeeded, failed, caught } }) => [
    step,
    { running, succeeded, failed, caught },
  ]);
}

void test("after every event the counts of each step are those of the coordinator", () => {
  fc.assert(
    fc.property(fc.boolean(), fc.array(fc.nat(10_000), { minLength: 20, maxLength: 150 }), (failFast, choices) => {
      const history = new History(failFast);
      for (const choice of choices) {
        history.next(choice);
        assert.deepEqual(counted(history), expected(history));
      }
    }),
    { numRuns: 150 },
  );
});

void test("a total that is called final never changes, and is what a finished run has", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(10_000), { minLength: 60, maxLength: 200 }), (choices) => {
      const history = new History(false);
      const finals = new Map<string, number>();
      for (const choice of choices.map((value) => value - (value % 97 === 0 ? -1 : 0))) {
        history.next(choice);
        for (const step of history.progress.steps) {
          const total = history.progress.total(step);
          if (total === null || !total.final) continue;
          assert.equal(total.count, finals.get(step.node.name) ?? total.count, step.node.name);
          finals.set(step.node.name, total.count);
        }
      }
      const view = runView(history.state, null);
      if (view.status === "succeeded")
        for (const { step, counts } of view.steps) if (finals.has(step)) assert.equal(finals.get(step), counts.succeeded, step);
    }),
    { numRuns: 150 },
  );
});
