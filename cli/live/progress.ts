// How far a run is: a fold of its events that keeps counts for each step, never a record for each task.
//
// Invariants:
// P1. Memory grows with the steps and the failures of a run, not with its tasks.
// P2. Whether a failure is final follows from the step's policy and the task's earlier failures, as in the coordinator.

import { countOf } from "../../proto/artifact.ts";
import type { RecordedEvent, RunEvent } from "../../proto/event.ts";
import { describeFailure, type Failure } from "../../proto/failure.ts";
import type { FlowGraph, StepNode } from "../../proto/graph.ts";
import { parseStepName, stepOf, type RunId, type StepName, type TaskId } from "../../proto/ids.ts";
import type { TakenTransition } from "../../proto/order.ts";
import { unreachable } from "../../proto/unreachable.ts";
import type { SourcePath } from "../source-path.ts";
import { conditionalSteps } from "./conditional.ts";
import { FailureFates } from "./failure-fate.ts";
import { ToldProgress } from "./told-progress.ts";

/** What a person may want to hear of an event. */
export type Change =
  | { readonly kind: "submitted"; readonly atMs: number; readonly originRun: RunId | null }
  | { readonly kind: "started"; readonly atMs: number; readonly reused: number }
  | { readonly kind: "taskStarted"; readonly atMs: number; readonly task: TaskId; readonly attempt: number }
  | {
      readonly kind: "taskSucceeded";
      readonly atMs: number;
      readonly task: TaskId;
      readonly durationMs: number;
      readonly taken: TakenTransition;
    }
  | (Failed & { readonly kind: "taskRetrying"; readonly attemptsMax: number })
  | (Failed & { readonly kind: "taskCaught" })
  | (Failed & { readonly kind: "taskFailed" })
  | (Failed & { readonly kind: "taskCancelled" })
  | { readonly kind: "cancelling"; readonly atMs: number; readonly by: string }
  | { readonly kind: "takenUp"; readonly atMs: number; readonly by: string };

type Failed = { readonly atMs: number; readonly task: TaskId; readonly attempt: number; readonly failure: Failure };

/** Durations of which the median is taken: the latest so many of a step. */
const durationsMax = 256;
/** Different errors that are counted. */
const errorsMax = 200;

export class StepProgress {
  readonly node: StepNode;
  /** Tasks that exist or certainly will. */
  known = 0;
  /** Tasks that the step's foreach has made in the next one. */
  children = 0;
  running = 0;
  succeeded = 0;
  failed = 0;
  cancelled = 0;
  caught = 0;
  reused = 0;
  retried = 0;
  startedAtMs: number | null = null;
  lastAtMs: number | null = null;
  readonly #durationsMs: number[] = [];
  #durations = 0;

  constructor(node: StepNode) {
    this.node = node;
  }

  get done(): number {
    return this.succeeded + this.failed + this.cancelled;
  }

  addDuration(durationMs: number): void {
    this.#durationsMs[this.#durations % durationsMax] = durationMs;
    this.#durations += 1;
  }

  medianMs(): number | null {
    return this.#durationsMs.toSorted((a, b) => a - b)[Math.floor((this.#durationsMs.length - 1) / 2)] ?? null;
  }
}

/** Tasks that failed for good with the same error. */
export type FailureGroup = { readonly text: string; readonly first: TaskId; readonly count: number };

/** `final` is false while a split around the step has not been counted to its end. */
export type Total = { readonly count: number; readonly final: boolean };

export class RunProgress {
  readonly run: RunId;
  readonly graph: FlowGraph;
  readonly steps: readonly StepProgress[];
  readonly workers = new Set<string>();
  readonly told = new ToldProgress();
  readonly sourcePath: SourcePath;
  submittedAtMs = 0;
  /** When it was last taken up; null where it was begun only. */
  takenUpAtMs: number | null = null;
  seq = 0;
  cancelling = false;
  workersMax = 0;
  #failFast = false;
  readonly #byName: ReadonlyMap<StepName, StepProgress>;
  readonly #joinOf: ReadonlyMap<StepName, StepProgress>;
  readonly #conditional: ReadonlySet<StepName>;
  readonly #fates = new FailureFates();
  readonly #failed = new Set<TaskId>();
  readonly #cancelled = new Set<TaskId>();
  readonly #errors = new Map<string, FailureGroup>();

  constructor(run: RunId, graph: FlowGraph, sourcePath: SourcePath = (file) => file) {
    this.run = run;
    this.sourcePath = sourcePath;
    this.graph = graph;
    this.steps = graph.steps.map((node) => new StepProgress(node));
    this.#byName = new Map(this.steps.map((step) => [step.node.name, step]));
    this.#joinOf = new Map(this.steps.flatMap((step) => (step.node.joins === null ? [] : [[step.node.joins, step]])));
    this.#conditional = conditionalSteps(graph);
  }

  get running(): number {
    return this.steps.reduce((sum, step) => sum + step.running, 0);
  }

  /** Tasks that failed for good with the same error. */
  failedLike(failure: Failure): number {
    return this.#errors.get(describeFailure(failure))?.count ?? 0;
  }

  /** Tasks that failed for good, by their error. */
  failureGroups(): readonly FailureGroup[] {
    return [...this.#errors.values()];
  }

  step(name: StepName): StepProgress {
    const step = this.#byName.get(name);
    if (step === undefined) throw new Error(`flow ${this.graph.flow} has no step ${name}`);
    return step;
  }

  /** Null while nothing is known. */
  total(step: StepProgress): Total | null {
    if (this.#conditional.has(step.node.name)) return step.known === 0 ? null : { count: step.known, final: true };
    const around = step.node.within.at(-1);
    if (around === undefined) return { count: 1, final: true };
    const split = this.step(around);
    const splits = this.total(split);
    if (split.node.transition.kind !== "foreach") return splits;
    if (split.succeeded === 0) return null;
    return { count: split.children, final: splits !== null && splits.final && split.succeeded === splits.count };
  }

  apply({ seq, event }: RecordedEvent): Change | null {
    this.seq = seq;
    switch (event.kind) {
      case "runSubmitted":
        this.submittedAtMs = event.atMs;
        this.workersMax = event.options.workersMax;
        this.#failFast = event.options.failFast;
        this.#fates.lossesMax = event.options.lossesMax;
        this.step(parseStepName("start")).known = 1;
        return { kind: "submitted", atMs: event.atMs, originRun: event.context.originRun };
      case "tasksReused":
        for (const reused of event.tasks) this.#reuse(reused.task, reused.taken);
        return null;
      case "runStarted":
        return { kind: "started", atMs: event.atMs, reused: this.steps.reduce((sum, step) => sum + step.reused, 0) };
      case "taskStarted":
        return this.#start(event);
      case "taskSucceeded":
        return this.#succeed(event);
      case "taskFailed":
        return this.#fail(event);
      case "retryDue":
      case "tagsChanged":
      case "artifactsCollected":
        return null;
      case "cancelRequested":
        this.cancelling = true;
        return { kind: "cancelling", atMs: event.atMs, by: event.by };
      case "retryRequested":
        this.takenUpAtMs = Math.max(this.takenUpAtMs ?? 0, event.atMs);
        this.#takeUp(event.tasks);
        return { kind: "takenUp", atMs: event.atMs, by: event.by };
      default:
        return unreachable(event);
    }
  }

  #start(event: Extract<RunEvent, { kind: "taskStarted" }>): Change {
    const step = this.step(stepOf(event.task));
    step.running += 1;
    step.startedAtMs ??= event.atMs;
    if (event.attempt > 0) step.retried += 1;
    this.workers.add(event.worker);
    return { kind: "taskStarted", atMs: event.atMs, task: event.task, attempt: event.attempt };
  }

  #succeed(event: Extract<RunEvent, { kind: "taskSucceeded" }>): Change {
    const step = this.#end(event);
    step.succeeded += 1;
    const durationMs = event.usage.finishedAtMs - event.usage.startedAtMs;
    step.addDuration(durationMs);
    this.#fates.forget(event.task);
    this.#lead(step, event.taken);
    return { kind: "taskSucceeded", atMs: event.atMs, task: event.task, durationMs, taken: event.taken };
  }

  #fail(event: Extract<RunEvent, { kind: "taskFailed" }>): Change {
    const step = this.#end(event);
    const { atMs, task, attempt, failure } = event;
    const failed: Failed = { atMs, task, attempt, failure };
    const fate = this.#fates.decide(step.node, task, { failure, stopping: this.cancelling });
    switch (fate.kind) {
      case "retry":
        return { ...failed, kind: "taskRetrying", attemptsMax: fate.attemptsMax };
      case "caught":
        step.succeeded += 1;
        step.caught += 1;
        this.#lead(step, step.node.transition);
        return { ...failed, kind: "taskCaught" };
      case "cancelled":
        step.cancelled += 1;
        this.#cancelled.add(task);
        return { ...failed, kind: "taskCancelled" };
      case "failed":
        step.failed += 1;
        this.#failed.add(task);
        this.cancelling ||= this.#failFast;
        this.#countError(task, failure);
        return { ...failed, kind: "taskFailed" };
      default:
        return unreachable(fate);
    }
  }

  #end(event: { readonly task: TaskId; readonly atMs: number }): StepProgress {
    const step = this.step(stepOf(event.task));
    step.running = Math.max(0, step.running - 1);
    step.lastAtMs = event.atMs;
    this.told.forget(event.task);
    return step;
  }

  #reuse(task: TaskId, taken: TakenTransition): void {
    const step = this.step(stepOf(task));
    step.succeeded += 1;
    step.reused += 1;
    this.#lead(step, taken);
  }

  /** What a finished task makes known about the tasks after it. */
  #lead(step: StepProgress, taken: TakenTransition | StepNode["transition"]): void {
    switch (taken.kind) {
      case "end":
        return;
      case "linear":
        this.#expect(taken.to);
        return;
      case "switch":
        if ("to" in taken) this.#expect(taken.to);
        return;
      case "branch":
        for (const to of taken.to) this.#expect(to);
        this.#expectJoin(step);
        return;
      case "foreach":
        if ("elements" in taken) this.#expectChildren(step, taken.to, countOf(taken.elements));
        this.#expectJoin(step);
        return;
      default:
        unreachable(taken);
    }
  }

  /** A join is expected when its split is done, not when one of its inputs arrives. */
  #expect(name: StepName): void {
    const step = this.step(name);
    if (step.node.joins === null) step.known += 1;
  }

  #expectChildren(split: StepProgress, to: StepName, count: number): void {
    split.children += count;
    this.step(to).known += count;
  }

  #expectJoin(split: StepProgress): void {
    const join = this.#joinOf.get(split.node.name);
    if (join !== undefined) join.known += 1;
  }

  #countError(task: TaskId, failure: Failure): void {
    const text = describeFailure(failure);
    const known = this.#errors.get(text);
    if (known === undefined && this.#errors.size >= errorsMax) return;
    this.#errors.set(text, { text, first: known?.first ?? task, count: (known?.count ?? 0) + 1 });
  }

  #takeUp(tasks: readonly TaskId[] | null): void {
    this.cancelling = false;
    this.#errors.clear();
    this.#fates.clear();
    for (const task of tasks ?? [...this.#failed]) if (this.#failed.delete(task)) this.step(stepOf(task)).failed -= 1;
    for (const task of tasks ?? [...this.#cancelled]) if (this.#cancelled.delete(task)) this.step(stepOf(task)).cancelled -= 1;
  }
}
