// What the command line, the client and the page show: projections of a run's ledger, all of one `seq`.

import type { Artifacts } from "./artifact.ts";
import type { RunOptions, RunStatus } from "./event.ts";
import type { Failure } from "./failure.ts";
import type { FlowGraph } from "./graph.ts";
import type { FlowName, RunId, Sha256, StepName, TaskId } from "./ids.ts";
import type { ForeachFrame, TakenTransition, Usage } from "./order.ts";

/** What the ledger keeps of a run beside its events. */
export type RunSummary = {
  readonly run: RunId;
  readonly flow: FlowName;
  readonly status: RunStatus;
  readonly user: string;
  readonly namespace: string;
  readonly tags: readonly string[];
  readonly systemTags: readonly string[];
  readonly submittedAtMs: number;
  readonly finishedAtMs: number | null;
  /** When its artifacts were collected as garbage; absent while they are kept. */
  readonly collectedAtMs?: number;
  readonly originRun: RunId | null;
  readonly counts: TaskCounts;
};

/** A line of the list of runs. */
export type ListedRun = RunSummary & {
  /** Process that drives the run (`pid@host`); null where nobody does: an unfinished run has been interrupted then. */
  readonly owner: string | null;
};

/** Tasks by state. `succeeded` includes `caught` and `reused`. `waiting` (for a join's inputs or a back-off) are known but not ready. */
export type TaskCounts = {
  readonly ready: number;
  readonly running: number;
  readonly waiting: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly cancelled: number;
  readonly caught: number;
  readonly reused: number;
  /** Attempts after the first of their task. */
  readonly retried: number;
};

export type RunView = ListedRun & {
  /** Sequence number of the last event that this view includes. */
  readonly seq: number;
  readonly graph: FlowGraph;
  readonly codePackage: Sha256;
  readonly parameters: Artifacts;
  readonly secrets: readonly string[];
  readonly options: RunOptions;
  readonly startedAtMs: number | null;
  /** In the order of the graph. */
  readonly steps: readonly StepView[];
  /** The first failure that was final, if any. */
  readonly firstFailure: { readonly task: TaskId; readonly attempt: number; readonly failure: Failure; readonly atMs: number } | null;
  /** What is visible after the `end` task; null until the run has succeeded. */
  readonly result: Artifacts | null;
};

export type StepView = {
  readonly step: StepName;
  readonly counts: TaskCounts;
  /** How many tasks the step will have; null while a foreach around it has not been counted. */
  readonly total: number | null;
  readonly startedAtMs: number | null;
  readonly finishedAtMs: number | null;
  /** Durations of successful attempts, milliseconds; null while there is none. */
  readonly p50Ms: number | null;
  readonly p95Ms: number | null;
  readonly maxMs: number | null;
  readonly slowest: TaskId | null;
  /** What successful attempts held at most: 95 % of them no more than this. Null while there is none. */
  readonly p95PeakMiB: number | null;
  /** Attempts that ran out of memory. */
  readonly outOfMemory: number;
};

export type TaskStatus = "waiting" | "ready" | "running" | "backoff" | "succeeded" | "failed" | "cancelled";

export type TaskView = {
  readonly run: RunId;
  readonly task: TaskId;
  readonly step: StepName;
  readonly status: TaskStatus;
  /** Succeeded although its code failed. */
  readonly caught: boolean;
  /** The run whose outcome this task took over. */
  readonly reusedFrom: RunId | null;
  /** Oldest first; the last is the current one. Empty before the first start. */
  readonly attempts: readonly AttemptView[];
  readonly frames: readonly ForeachFrame[];
  readonly taken: TakenTransition | null;
  /** Everything visible after the task: what it set, and what it passed on. Empty until it succeeded. */
  readonly artifacts: Artifacts;
  /** Names that the task itself set. */
  readonly produced: readonly string[];
  readonly parents: readonly TaskId[];
  readonly children: readonly TaskId[];
  /** In back-off until then; null otherwise. */
  readonly retryAtMs: number | null;
};

export type AttemptView = {
  readonly attempt: number;
  readonly lease: number;
  readonly worker: string;
  readonly startedAtMs: number;
  readonly finishedAtMs: number | null;
  readonly outcome: "running" | "succeeded" | "failed" | "lost";
  readonly failure: Failure | null;
  readonly usage: Usage | null;
};

/** One captured line of a step's output. Lines longer than 64 KiB are cut into several. */
export type LogLine = {
  readonly run: RunId;
  readonly task: TaskId;
  readonly attempt: number;
  readonly stream: "stdout" | "stderr" | "system";
  readonly atMs: number;
  readonly text: string;
};

/** What a worker's machine is doing, whoever has it do that. */
export type MachineLoad = {
  /** Of all its processors, from 0 to 1. */
  readonly cpuShare: number;
  readonly usedMiB: number;
  readonly totalMiB: number;
};

/** A worker as its coordinator knows it. */
export type WorkerView = {
  readonly worker: string;
  /**
   * `away`: its stream has broken; it may come back to what it holds for as long as its lease lasts. `lost`: it was silent for that
   * long, within the last hour, and has not come back.
   */
  readonly status: "ready" | "draining" | "away" | "lost";
  readonly host: string;
  readonly pid: number;
  readonly version: string;
  readonly pool: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly slots: number;
  readonly cpu: number;
  readonly memoryMiB: number;
  readonly gpu: number;
  /** Takes work of these runs only; empty means any. */
  readonly runs: readonly string[];
  /** Since its last sign of life. */
  readonly silentMs: number;
  /** As of its last beat; null before the first, and once it is lost. */
  readonly load: MachineLoad | null;
  /** Tasks that it held when it was lost, and that run elsewhere. */
  readonly requeued: number;
  readonly running: readonly { readonly run: RunId; readonly task: TaskId; readonly attempt: number }[];
};
