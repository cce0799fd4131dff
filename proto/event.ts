// The facts of a run, in the order in which they were accepted. A run's state is the fold of its events.
// Numbers and times come in events; the fold knows no clock.

import type { Artifacts } from "./artifact.ts";
import type { Failure } from "./failure.ts";
import type { FlowGraph } from "./graph.ts";
import type { RunId, Sha256, TaskId } from "./ids.ts";
import type { RunContext, TakenTransition, Usage } from "./order.ts";

export type RunOptions = {
  /** Cancels what still runs as soon as one task has failed for good. */
  readonly failFast: boolean;
  /** Largest number of elements that one foreach may have. */
  readonly splitsMax: number;
  /** Tasks of the run that may hold a slot at the same time. */
  readonly workersMax: number;
  /** `process`: every task in a fresh process. */
  readonly isolation: "warm" | "process";
  /** How often the losses of workers may make one task run again without counting against its retries. */
  readonly lossesMax: number;
  /** From `-priorityMax` to `priorityMax`; absent is 0. Of runs that wait for the same workers, those with a higher one get more turns. */
  readonly priority?: number;
  /** `batch`: steps with `@batch` need a worker that is launched for them. By the coordinator alone, for as long as the run exists; absent: any worker will do. */
  readonly placement?: "batch";
};

/** An outcome that a resumed run takes over from another run's task. */
export type ReusedTask = {
  readonly task: TaskId;
  readonly origin: RunId;
  readonly attempt: number;
  readonly taken: TakenTransition;
  readonly artifacts: Artifacts;
  /** The failure that `@catchError` had turned into a success. */
  readonly caught: Failure | null;
};

export type RunEvent =
  /** Always the first. */
  | {
      readonly kind: "runSubmitted";
      readonly atMs: number;
      readonly run: RunId;
      readonly graph: FlowGraph;
      readonly codePackage: Sha256;
      /** Parameter values and class constants, but for secrets. */
      readonly parameters: Artifacts;
      /** Names of the parameters whose values are kept apart. Histories from before they were have them among the parameters. */
      readonly secrets: readonly string[];
      readonly options: RunOptions;
      readonly context: RunContext;
      readonly systemTags: readonly string[];
    }
  /** Before any task has started; may come in several pieces. A task that becomes ready and is among them has succeeded. */
  | { readonly kind: "tasksReused"; readonly atMs: number; readonly tasks: readonly ReusedTask[] }
  /** The run may begin: everything that it reuses is known. */
  | { readonly kind: "runStarted"; readonly atMs: number }
  | {
      readonly kind: "taskStarted";
      readonly atMs: number;
      readonly task: TaskId;
      readonly attempt: number;
      readonly lease: number;
      readonly worker: string;
      /** Id of the token that the worker had; absent where it needs none, also where a history is from before it was told. */
      readonly token?: string;
    }
  | {
      readonly kind: "taskSucceeded";
      readonly atMs: number;
      readonly task: TaskId;
      readonly attempt: number;
      readonly lease: number;
      readonly taken: TakenTransition;
      readonly artifacts: Artifacts;
      readonly usage: Usage;
    }
  /**
   * `usage` is null where no process lived to report it. `retryAfterMs`: how long a loss that is not the step's own waits before
   * the next attempt; absent is not at all, also where a history is from before they waited.
   */
  | {
      readonly kind: "taskFailed";
      readonly atMs: number;
      readonly task: TaskId;
      readonly attempt: number;
      readonly lease: number;
      readonly failure: Failure;
      readonly artifacts: Artifacts;
      readonly usage: Usage | null;
      readonly retryAfterMs?: number;
    }
  /** The back-off of a failed attempt is over. */
  | { readonly kind: "retryDue"; readonly atMs: number; readonly task: TaskId; readonly attempt: number }
  /** `key` of this and the next ones: of the request, by which one that is repeated is known. */
  | { readonly kind: "cancelRequested"; readonly atMs: number; readonly by: string; readonly key?: string }
  /** `stepwell retry` and `resume --in-place`: failed and cancelled tasks become ready again. `tasks` null means all. */
  | {
      readonly kind: "retryRequested";
      readonly atMs: number;
      readonly by: string;
      readonly key?: string;
      readonly tasks: readonly TaskId[] | null;
    }
  | {
      readonly kind: "tagsChanged";
      readonly atMs: number;
      readonly by: string;
      readonly key?: string;
      readonly add: readonly string[];
      readonly remove: readonly string[];
    }
  /** The blobs that only this run needed may be gone. Of a run that has ended; nothing of it can be run again. */
  | { readonly kind: "artifactsCollected"; readonly atMs: number; readonly by: string };

/** An event with its place in the run's ledger; the first has `seq` 1. */
export type RecordedEvent = { readonly seq: number; readonly event: RunEvent };

export const defaultRunOptions: Omit<RunOptions, "workersMax"> = { failFast: false, splitsMax: 100_000, isolation: "warm", lossesMax: 5 };

export const priorityMax = 100;

/** User tags of a run, and characters of one tag. */
export const tagsMax = 50;
export const tagCharactersMax = 500;

/** Used by the ledger's listing and by every view. `pending` until the run has begun. */
export type RunStatus = "pending" | "running" | "succeeded" | "failed" | "cancelled";
