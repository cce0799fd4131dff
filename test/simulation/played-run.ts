// A run that a test plays by hand against the core: every step of it must be accepted, and what it causes can be looked at.

import assert from "node:assert/strict";
import type { Artifacts, Elements } from "../../proto/artifact.ts";
import { defaultRunOptions, type ReusedTask, type RunEvent, type RunOptions } from "../../proto/event.ts";
import type { Failure } from "../../proto/failure.ts";
import { defaultPolicy, targetsOf, type FlowGraph, type StepNode, type StepPolicy, type Transition } from "../../proto/graph.ts";
import { parseFlowName, parseSha256, parseStepName, parseTaskId, runIdOf, type StepName, type TaskId } from "../../proto/ids.ts";
import type { TakenTransition, TaskOrder, TaskOutcome } from "../../proto/order.ts";
import { advance } from "../../coordinator/core/advance.ts";
import { decideLost, decideOutcome, decideRetryDue, decideStart } from "../../coordinator/core/decide.ts";
import type { Decision } from "../../coordinator/core/decision.ts";
import type { Effect } from "../../coordinator/core/effect.ts";
import { orderFor } from "../../coordinator/core/order.ts";
import { initialState, type RunState } from "../../coordinator/core/state.ts";
import { stored } from "./behaviour.ts";

/** Where a step goes: a name, several, `{ each: name }`, `{ cases: {…} }`, or nowhere (the end). */
export type Way = string | readonly string[] | { readonly each: string } | { readonly cases: Readonly<Record<string, string>> } | null;
export type StepSketch = { readonly to: Way; readonly joins?: string; readonly policy?: Partial<StepPolicy> };

export function graphOf(sketch: Readonly<Record<string, StepSketch>>): FlowGraph {
  const within = withinOf(sketch);
  const steps = Object.entries(sketch).map(([name, { to, joins, policy }], i): StepNode => ({
    name: parseStepName(name),
    doc: "",
    line: i + 1,
    file: "flow.ts",
    transition: transitionOf(to),
    joins: joins === undefined ? null : parseStepName(joins),
    within: (within.get(name) ?? []).map(parseStepName),
    policy: { ...defaultPolicy, ...policy },
  }));
  return { flow: parseFlowName("PlayedFlow"), file: "flow.ts", doc: "", steps, parameters: [] };
}

function transitionOf(way: Way): Transition {
  if (way === null) return { kind: "end" };
  if (typeof way === "string") return { kind: "linear", to: parseStepName(way) };
  if ("each" in way) return { kind: "foreach", to: parseStepName(way.each), artifact: "items" };
  if ("cases" in way) {
    const cases = Object.entries(way.cases).map(([value, to]) => [value, parseStepName(to)]);
    return { kind: "switch", condition: "choice", cases: Object.fromEntries(cases) };
  }
  return { kind: "branch", to: way.map(parseStepName) };
}

function withinOf(sketch: Readonly<Record<string, StepSketch>>): Map<string, readonly string[]> {
  const within = new Map<string, readonly string[]>([["start", []]]);
  for (const [name, around] of within) {
    const transition = transitionOf(sketch[name]?.to ?? null);
    const inside = transition.kind === "foreach" || transition.kind === "branch" ? [...around, name] : around;
    for (const to of targetsOf(transition)) within.set(to, sketch[to]?.joins === undefined ? inside : inside.slice(0, -1));
  }
  return within;
}

const usage = { startedAtMs: 100, finishedAtMs: 150, cpuMs: 10, peakMiB: 50 };

export class PlayedRun {
  readonly state: RunState;
  readonly events: RunEvent[] = [];
  /** Of the last event. */
  effects: readonly Effect[] = [];
  atMs = 1_000;
  #lease = 0;

  constructor(
    graph: FlowGraph,
    given: { readonly options?: Partial<RunOptions>; readonly reused?: readonly ReusedTask[]; readonly number?: number } = {},
  ) {
    const submitted: Extract<RunEvent, { kind: "runSubmitted" }> = {
      kind: "runSubmitted",
      atMs: this.atMs,
      run: runIdOf(graph.flow, given.number ?? 1),
      graph,
      codePackage: parseSha256("c".repeat(64)),
      parameters: {},
      secrets: ["token"],
      options: { ...defaultRunOptions, workersMax: 100, ...given.options },
      context: { tags: ["mine"], namespace: "user:ana", user: "ana", originRun: null },
      systemTags: ["user:ana"],
    };
    this.state = initialState(submitted);
    this.events.push(submitted);
    if (given.reused !== undefined) this.apply({ kind: "tasksReused", atMs: this.atMs, tasks: given.reused });
    this.apply({ kind: "runStarted", atMs: this.atMs });
  }

  apply(event: RunEvent): void {
    this.events.push(event);
    this.effects = advance(this.state, event);
  }

  /** The decision's events, applied. */
  accept(decision: Decision): void {
    if (decision.kind === "refused") assert.fail(decision.message);
    for (const event of decision.events) this.apply(event);
  }

  /** Once its back-off, if there is one, is over. */
  start(id: string): { readonly task: TaskId; readonly attempt: number; readonly lease: number; readonly order: TaskOrder } {
    const task = parseTaskId(id);
    this.#lease += 1;
    const { attempts = [], state } = this.state.tasks.get(task) ?? {};
    if (state?.kind === "backoff") {
      this.atMs = state.dueMs;
      this.accept(decideRetryDue(this.state, { task, attempt: attempts.length, atMs: this.atMs }));
    }
    const held = { task, attempt: attempts.length, lease: this.#lease };
    this.accept(decideStart(this.state, { ...held, worker: "w", atMs: this.atMs }));
    return { ...held, order: orderFor(this.state, task, held) };
  }

  report(id: string, outcome: TaskOutcome): TaskOrder {
    const { order, ...held } = this.start(id);
    this.accept(decideOutcome(this.state, { ...held, outcome, atMs: this.atMs }));
    return order;
  }

  /** Starts and ends the task well. `way` is the number of foreach elements or the switch's value where the step needs one. */
  succeed(id: string, sets: Readonly<Record<string, string>> = {}, way: number | string = 0): TaskOrder {
    const step = id.slice(0, id.indexOf("/")) as StepName;
    return this.report(id, { kind: "succeeded", taken: this.#taken(step, way), artifacts: artifactsOf(sets), usage });
  }

  fail(id: string, failure: Failure = userError(), sets: Readonly<Record<string, string>> = {}): TaskOrder {
    return this.report(id, { kind: "failed", failure, artifacts: artifactsOf(sets), usage });
  }

  lose(id: string, how: "lost" | "undelivered" | "drained" = "lost"): void {
    const { order: _, ...held } = this.start(id);
    this.accept(decideLost(this.state, { ...held, worker: "w", how, atMs: this.atMs }));
  }

  /** The kind of each task's state, by id. */
  kinds(): Record<string, string> {
    return Object.fromEntries(this.state.order.map(({ id, state }) => [id, state.kind]));
  }

  #taken(step: StepName, way: number | string): TakenTransition {
    const transition = this.state.steps.get(step)?.node.transition;
    if (transition === undefined) throw new Error(`no step ${step}`);
    if (transition.kind === "foreach") return { kind: "foreach", to: transition.to, elements: elementsOf(Number(way)) };
    if (transition.kind !== "switch") return transition;
    const to = transition.cases[String(way)];
    if (to === undefined) throw new Error(`no case ${way}`);
    return { kind: "switch", value: String(way), to };
  }
}

export function elementsOf(count: number): Elements {
  return { kind: "inline", base64: Array.from({ length: count }, (_, i) => `e${i}`) };
}

export function artifactsOf(sets: Readonly<Record<string, string>>): Artifacts {
  return Object.fromEntries(Object.entries(sets).map(([name, value]) => [name, stored(value)]));
}

export function userError(message = "boom"): Failure {
  return { kind: "userError", name: "Error", message, stack: "", place: null };
}
