// The state of one run: the fold of its events, and nothing else.
//
// S1. Only `advance` writes it, in place: a run may have 100,000 tasks, and no event may cost a copy of them. Readers don't keep parts.
// S2. A task exists from the moment its place in the run is known: when it becomes ready, or (a join) when its first input arrives.
// S3. `ready`, `backingOff` and `running` hold exactly the tasks whose state says so; the tallies count the same.
// S4. `succeeded` is never left. `failed` and `cancelled` are left only by a retry in place.
// S5. Attempts of a task are numbered without gaps from 0, and its leases rise.

import { countOf, type Artifacts, type Elements } from "../../proto/artifact.ts";
import type { ReusedTask, RunEvent, RunOptions } from "../../proto/event.ts";
import type { Failure } from "../../proto/failure.ts";
import type { StepNode } from "../../proto/graph.ts";
import type { RunId, StepName, TaskId } from "../../proto/ids.ts";
import type { TakenTransition, Usage } from "../../proto/order.ts";
import { needsOfStep, type Launching, type Needs } from "./needs.ts";
import { newHistogram, newTally, type Histogram, type Tally } from "./tally.ts";

export type RunSubmitted = Extract<RunEvent, { kind: "runSubmitted" }>;

export type RunState = {
  readonly submitted: RunSubmitted;
  readonly steps: ReadonlyMap<StepName, Step>;
  /** Events applied so far: the sequence number of the last one. */
  seq: number;
  startedAtMs: number | null;
  /** When nothing was left that could run; null while something is. */
  finishedAtMs: number | null;
  /** When its artifacts were given up; null while they are kept. */
  collectedAtMs: number | null;
  /** Why nothing new starts any more, and who wanted it; null while the run goes on. */
  stopping: Stopping | null;
  tags: readonly string[];
  /** Of the latest changes that were asked for: what is asked for again by the same one has been done. */
  readonly changeKeys: Set<string>;
  readonly tasks: Map<TaskId, Task>;
  /** The tasks in the order of their creation, which is the order of pages. */
  readonly order: Task[];
  readonly ready: Set<Task>;
  readonly backingOff: Set<Task>;
  readonly running: Set<Task>;
  /** Failed for good, the first failure first. */
  readonly failed: Set<Task>;
  readonly tally: Tally;
  /** Taken over from other runs and not yet reached. */
  readonly reusable: Map<TaskId, ReusedTask>;
};

export type Stopping = { readonly kind: "cancel" | "failFast"; readonly by: string };

export type Step = {
  readonly node: StepNode;
  /** The join that closes this step's split; null where the step doesn't split. */
  readonly closer: StepName | null;
  readonly tally: Tally;
  /** What successful attempts held at most, in MiB, and how many attempts ran out of memory. */
  readonly peaks: Histogram;
  outOfMemory: number;
  /** Of a first attempt. */
  readonly needs: Needs;
  /** Null where its tasks run on any worker. */
  readonly launching: Launching | null;
  startedAtMs: number | null;
  finishedAtMs: number | null;
  /** Foreaches that tasks of this step have opened, and the elements of all of them together. */
  foreaches: number;
  elements: number;
};

export type Task = {
  readonly id: TaskId;
  readonly step: Step;
  readonly source: TaskSource;
  /** Innermost split that is open around the task, and the task's place in it. */
  readonly seat: Seat | null;
  /** Distance from the nearest task whose artifacts are known without looking further back. */
  readonly links: number;
  state: TaskState;
  /** Oldest first. Empty where the outcome was taken over. */
  readonly attempts: Attempt[];
  /** Since the last retry in place: failures charged to `@retry`, and losses charged to the run's own budget. */
  userFailures: number;
  losses: number;
  /** Since then: attempts that went back at nobody's expense. */
  returns: number;
  /** Everything visible after the task; kept for some tasks only. */
  visible: Artifacts | null;
};

export type TaskSource =
  | { readonly kind: "start" }
  | { readonly kind: "task"; readonly task: Task }
  /** A join. */
  | { readonly kind: "split"; readonly split: Split };

export type TaskState =
  | { readonly kind: "waiting" }
  | { readonly kind: "ready" }
  | { readonly kind: "running" }
  | { readonly kind: "backoff"; readonly dueMs: number }
  | {
      readonly kind: "succeeded";
      readonly attempt: number;
      readonly atMs: number;
      readonly taken: TakenTransition;
      readonly produced: Artifacts;
      /** The failure that `@catchError` turned into this success. */
      readonly caught: Failure | null;
      /** The run that executed it, where it was another one. */
      readonly reusedFrom: RunId | null;
    }
  | { readonly kind: "failed"; readonly attempt: number; readonly atMs: number; readonly failure: Failure }
  | { readonly kind: "cancelled"; readonly atMs: number; readonly by: string };

export type Attempt = {
  readonly attempt: number;
  readonly lease: number;
  readonly worker: string;
  /** Id of the token that the worker had; null where nobody knows, or none was needed. */
  readonly token: string | null;
  readonly startedAtMs: number;
  end: AttemptEnd | null;
};

type AttemptEnd = { readonly atMs: number; readonly failure: Failure | null; readonly usage: Usage | null };

/** One opened foreach or branch. Its join becomes ready when every slot has its arrival. */
export type Split = {
  readonly opener: Task;
  readonly fan: Fan;
  readonly closer: Step;
  /** By slot; a foreach's slots are its indexes, a branch's the arguments of its `next`. */
  readonly arrivals: (Task | null)[];
  arrived: number;
};

export type Fan =
  | { readonly kind: "foreach"; readonly to: StepName; readonly elements: Elements }
  | { readonly kind: "branch"; readonly to: readonly StepName[] };

export type Seat = { readonly split: Split; readonly slot: number };

export function widthOf(fan: Fan): number {
  return fan.kind === "foreach" ? countOf(fan.elements) : fan.to.length;
}

export function initialState(submitted: RunSubmitted): RunState {
  const closers = new Map<StepName, StepName>();
  for (const node of submitted.graph.steps) if (node.joins !== null) closers.set(node.joins, node.name);
  const steps = new Map<StepName, Step>();
  for (const node of submitted.graph.steps) {
    const closer = closers.get(node.name) ?? null;
    const tallies = {
      tally: newTally(),
      peaks: newHistogram(),
      outOfMemory: 0,
      startedAtMs: null,
      finishedAtMs: null,
      foreaches: 0,
      elements: 0,
    };
    const launching = launchingOf(node, submitted.options);
    steps.set(node.name, { node, closer, launching, needs: needsOfStep(node, launching), ...tallies });
  }
  return {
    submitted,
    steps,
    seq: 1,
    startedAtMs: null,
    finishedAtMs: null,
    collectedAtMs: null,
    stopping: null,
    tags: submitted.context.tags,
    changeKeys: new Set(),
    tasks: new Map(),
    order: [],
    ready: new Set(),
    backingOff: new Set(),
    running: new Set(),
    failed: new Set(),
    tally: newTally(),
    reusable: new Map(),
  };
}

function launchingOf({ policy: { batch } }: StepNode, { placement, lossesMax }: RunOptions): Launching | null {
  return placement === "batch" && batch !== null ? { placement: batch, lossesMax } : null;
}

export function stepOfRun(state: RunState, name: StepName): Step {
  const step = state.steps.get(name);
  if (step === undefined) throw new Error(`${state.submitted.run}: the graph has no step ${name}`);
  return step;
}

/** The attempt that runs, or the one that would run next. */
export function currentAttempt(task: Task): number {
  return task.state.kind === "running" ? task.attempts.length - 1 : task.attempts.length;
}

/** The last attempt that was started. */
export function lastAttempt(task: Task): Attempt | null {
  return task.attempts.at(-1) ?? null;
}

/** Whether one more task may take a slot now: `workersMax` is kept here. A run that stops or has ended has nothing ready. */
export function canStart(state: RunState): boolean {
  return state.running.size < state.submitted.options.workersMax;
}

/** Ready tasks, those that have waited longest first; cheap to begin and to break off. */
export function* readyTasks(state: RunState): Iterable<{ readonly task: TaskId; readonly attempt: number }> {
  for (const task of state.ready) yield { task: task.id, attempt: currentAttempt(task) };
}

/** The indexes of the foreaches around a place, outermost first. */
export function indexesOf(seat: Seat | null): number[] {
  const indexes: number[] = [];
  for (let at = seat; at !== null; at = at.split.opener.seat) if (at.split.fan.kind === "foreach") indexes.push(at.slot);
  return indexes.reverse();
}
