// What a client may ask of a coordinator. The coordinator implements it; the gRPC service carries it; the embedded
// mode calls it directly. Pages are cut by a limit and continued by an opaque cursor.

import type { Artifacts } from "./artifact.ts";
import type { BlobGrant, BlobPlace, BlobRequest } from "./blobs.ts";
import type { CollectReport, CollectRequest } from "./collect.ts";
import type { RecordedEvent, RunOptions, RunStatus } from "./event.ts";
import type { FlowGraph } from "./graph.ts";
import type { HealthView } from "./health.ts";
import type { FlowName, RunId, Sha256, StepName, TaskId } from "./ids.ts";
import type { LaunchId, LaunchView } from "./launch.ts";
import type { ListedRun, LogLine, RunView, TaskStatus, TaskView, WorkerView } from "./view.ts";
import type { WaitsView } from "./waits.ts";

export type SubmitRequest = {
  readonly graph: FlowGraph;
  readonly codePackage: Sha256;
  /** Parameter values and class constants, but for secrets. */
  readonly parameters: Artifacts;
  /** Names of the secret parameters that have a value: here, or in the run that is resumed. */
  readonly secrets: readonly string[];
  /** Values that are kept apart from everything else; each rides inline in its reference. */
  readonly secretValues?: Artifacts;
  readonly options: RunOptions;
  readonly tags: readonly string[];
  readonly systemTags: readonly string[];
  readonly namespace: string;
  readonly user: string;
  /** Set for a resumed run. */
  readonly resume: ResumeRequest | null;
  /** Made anew for each submission: one that is asked for again with it, since no answer came, is answered with the run of the first. */
  readonly key?: string;
};

/** Who asks for a change of a run. */
export type Asker = {
  readonly by: string;
  /** Made anew for each change: one that is asked for again with it, since no answer came, is made once. */
  readonly key?: string;
};

export type ResumeRequest = {
  readonly origin: RunId;
  /** This step and everything after it run again even where they succeeded. */
  readonly from: StepName | null;
  /** Hashes of the steps' sources in the origin's package and in the new one tell which code changed. */
  readonly changedSteps: readonly StepName[];
  /** Parameters whose value differs from the origin's; whether a secret does, the coordinator finds out. The steps that read them, by step. */
  readonly changedParameters: readonly string[];
  readonly stepsReadingParameters: Readonly<Record<string, readonly StepName[]>>;
  /** Caught tasks run again instead of being reused. */
  readonly rerunCaught: boolean;
};

/** Per step, what a resumed run takes over and what it runs, with the reason for the first task that is not reused. */
export type ResumePlan = {
  readonly origin: RunId;
  /** Secret ones too. */
  readonly changedParameters: readonly string[];
  readonly steps: readonly { readonly step: StepName; readonly reuse: number; readonly run: number | null; readonly why: string | null }[];
};

export type RunsQuery = {
  readonly flow?: FlowName;
  readonly status?: readonly RunStatus[];
  /** All of these. */
  readonly tags?: readonly string[];
  /** Only runs that carry this tag as namespace, see docs; null means all. */
  readonly namespace?: string | null;
  /** Only runs of this namespace itself, whatever their tags: what a token is limited to. */
  readonly within?: string;
  readonly user?: string;
  readonly sinceMs?: number;
  readonly untilMs?: number;
  /** Newest first. */
  readonly limit: number;
  readonly cursor?: string;
};

export type TasksQuery = {
  readonly step?: StepName;
  readonly status?: readonly TaskStatus[];
  readonly limit: number;
  readonly cursor?: string;
};

export type Page<T> = { readonly items: readonly T[]; readonly total: number | null; readonly next: string | null };

export type LogsQuery = {
  readonly run: RunId;
  /** A step's or one task's lines; all of the run's where both are absent. */
  readonly step?: StepName;
  readonly task?: TaskId;
  /** `latest` by default. */
  readonly attempt?: number | "latest" | "all";
  readonly stream?: "stdout" | "stderr";
  /** Goes on until the run (or task) has ended. */
  readonly follow?: boolean;
};

export type TagChange = { readonly add: readonly string[]; readonly remove: readonly string[] };

/** Of a key: as many characters as it may have. */
export const keyCharactersMax = 100;

/** Between the abort signal of a cancelled attempt and its end by force. */
export const stopGraceSeconds = 5;

/**
 * Asked of a run or a task that doesn't exist, or that is in a state that forbids it; by somebody who is not known
 * (`unauthenticated`) or may not ask for it (`denied`); when it cannot be answered (`unavailable`), or there is no connection to who
 * would (`unreachable`: asking again may help).
 */
export class ControlError extends Error {
  override readonly name = "ControlError";
  readonly code: "notFound" | "conflict" | "invalid" | "unauthenticated" | "denied" | "unavailable" | "unreachable";
  constructor(code: ControlError["code"], message: string) {
    super(message);
    this.code = code;
  }
}

/** That nobody reads any more: so much of an AbortSignal. */
export interface Until {
  readonly aborted: boolean;
  addEventListener(type: "abort", listener: () => void): void;
  removeEventListener(type: "abort", listener: () => void): void;
}

export interface Control {
  /** Durable when it resolves. @throws ControlError invalid, conflict (its key belongs to another submission) */
  submit(request: SubmitRequest): Promise<RunId>;
  plan(request: SubmitRequest & { readonly resume: ResumeRequest }): Promise<ResumePlan>;
  /** Resolves when the request is recorded, not when the tasks have stopped. @throws ControlError notFound, conflict (already finished) */
  cancel(run: RunId, asker: Asker): Promise<void>;
  /** Failed and cancelled tasks of a finished run become ready again; also takes up a run whose coordinator died. */
  retry(run: RunId, asker: Asker, tasks: readonly TaskId[] | null): Promise<void>;
  tag(run: RunId, asker: Asker, change: TagChange): Promise<readonly string[]>;
  /** Names of the flows that have runs, in alphabetical order: of those in the namespace, or all for null. `within` as for runs. */
  flows(namespace: string | null, within?: string): Promise<readonly FlowName[]>;
  runs(query: RunsQuery): Promise<Page<ListedRun>>;
  /** The whole view of the run that `runs` would list first; null where it would list none. */
  latest(query: RunsQuery): Promise<RunView | null>;
  run(run: RunId): Promise<RunView>;
  tasks(run: RunId, query: TasksQuery): Promise<Page<TaskView>>;
  task(run: RunId, task: TaskId): Promise<TaskView>;
  /** Why tasks of the run wait at this moment. */
  waits(run: RunId): Promise<WaitsView>;
  /** Every event after `seq`, then live ones; ends after the event that finishes the run, and with `until`, also while it waits. */
  events(run: RunId, afterSeq: number, until?: Until): AsyncIterable<RecordedEvent>;
  logs(query: LogsQuery, until?: Until): AsyncIterable<LogLine>;
  /** In the order of their names. */
  workers(): Promise<readonly WorkerView[]>;
  /** How the coordinator's parts are. */
  health(): Promise<HealthView>;
  /**
   * The worker takes nothing more, and leaves when it has nothing left; what it still runs after `withinMs` is taken from it and
   * runs elsewhere. Null: however long that takes. @throws ControlError notFound, unavailable while it is away
   */
  drainWorker(worker: string, by: string, withinMs: number | null): Promise<void>;
  /** Workers that were asked for, launch by launch, in the order of asking; what is long over is left out. */
  launches(): Promise<readonly LaunchView[]>;
  /** Nothing of the launch is wanted any more: what runs on its workers runs elsewhere. @throws ControlError notFound, conflict (it is over) */
  endLaunch(launch: LaunchId, by: string): Promise<void>;
  /** Deletes the artifacts of runs that nobody keeps, and blobs that no run needs. @throws ControlError invalid, unavailable */
  collect(request: CollectRequest): Promise<CollectReport>;
  /** Where blobs are, the best place first; none where whoever asks has the coordinator's folder. */
  blobPlaces(): Promise<readonly BlobPlace[]>;
  /** Leave to read blobs of a run; for null to write what a submission will name. @throws ControlError notFound, invalid */
  grantBlobs(run: RunId | null, requests: readonly BlobRequest[]): Promise<readonly BlobGrant[]>;
}
