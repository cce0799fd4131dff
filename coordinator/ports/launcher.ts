import type { LaunchId } from "../../proto/launch.ts";
import type { Shape } from "../../proto/shape.ts";

/**
 * What a worker of a shape is in this service: at least `slots` tasks of the shape have room in it at once, and as many more as
 * rounding leaves room for. Its process is told its cores, memory and accelerators as they are here.
 */
export type WorkerSize = {
  readonly slots: number;
  readonly cpu: number;
  readonly memoryMiB: number;
  readonly gpu: number;
  /** An estimate; 0 where it costs nothing. */
  readonly usdPerHour: number;
};

/** So many workers of one shape, to be asked for with one call. */
export type LaunchRequest = {
  /** The job's name contains it, so that `find` finds the job. */
  readonly launch: LaunchId;
  readonly shape: Shape;
  /** From 1 to the launcher's `countMax`. */
  readonly count: number;
  /** All that each worker's process is to be told: whose worker, of which size. Where the workers of a launch differ, in their index, the service tells them. */
  readonly environment: Readonly<Record<string, string>>;
};

/**
 * Whether the launch was accepted, and if not, what to do about it. Only after `throttled` and `unavailable` it is certain that
 * no job exists and that the same request may be made again. `refused`: as it is, it will never be accepted. `ambiguous`: it may
 * have been accepted, and `find` tells, after the lag.
 */
export type LaunchAnswer =
  | { readonly kind: "launched"; readonly job: string }
  | { readonly kind: "throttled" | "unavailable" | "refused" | "ambiguous"; readonly reason: string };

/** A job that the service knows by the name of a launch. */
export type FoundJob = { readonly launch: LaunchId; readonly job: string; readonly over: boolean };

/** Why a worker has failed. What can be done about it is a matter of the kind. */
export type JobFailureKind =
  /** It ended with another code than 0. */
  | "exit"
  /** More memory than its container has (137). */
  | "outOfMemory"
  /** Its host was lost, or taken back (spot): nobody's fault. */
  | "hostLost"
  /** The image, or what it needs to start, cannot be had. */
  | "image"
  | "timeout"
  /** Ended by whoever asked for it. */
  | "ended"
  /** The service has given it up: it could never have started. */
  | "impossible";

export type JobFailure = {
  /** Of the worker within its launch. */
  readonly index: number;
  readonly kind: JobFailureKind;
  readonly exitCode: number | null;
  /** In the service's words. */
  readonly reason: string;
};

/** How many of a job's workers are in each stage: together as many as were launched. */
export type JobStages = {
  /** For a host, or for the service itself. */
  readonly waiting: number;
  /** A host is there, the process not yet. */
  readonly starting: number;
  readonly running: number;
  readonly succeeded: number;
  readonly failed: number;
};

export type JobReport = {
  readonly job: string;
  readonly stages: JobStages;
  /** In the service's words: why those that wait do wait. Null where it says nothing. */
  readonly waitsFor: string | null;
  /** Some of those that failed, the latest first; at most `failuresToldMax`. */
  readonly failures: readonly JobFailure[];
  /** For a person to look at it; null where there is no such page. */
  readonly link: string | null;
};

export const failuresToldMax = 10;

/** What is to be ended: a whole job, or workers of it by their indexes. */
export type Ending = { readonly job: string; readonly indexes: readonly number[] | null };

/**
 * A service that starts workers. Every method makes as many calls as there are launches or workers at the most, never one for
 * each task, and ends in a bounded time. What a service reports may be some seconds old.
 */
export interface Launcher {
  /** Of one launch. */
  readonly countMax: number;
  /** How long an accepted job may be missing from what `find` and `describe` say. Milliseconds. */
  readonly lagMs: number;
  /** Asks nobody. Null where there can be no such worker: `launch` says why. */
  sizeOf(shape: Shape): WorkerSize | null;
  /** One call of the service that starts something, however it is answered; never throws. */
  launch(request: LaunchRequest): Promise<LaunchAnswer>;
  /** All jobs of these launches, over or not, as far as the service still knows them. @throws LauncherError */
  find(launches: readonly LaunchId[]): Promise<readonly FoundJob[]>;
  /** In the order of `jobs`; null for one that the service doesn't know (any more, or yet). @throws LauncherError */
  describe(jobs: readonly string[]): Promise<readonly (JobReport | null)[]>;
  /**
   * What waits never starts, and what runs is told to stop (SIGTERM) and killed some 30 seconds later. Ending what is over, or
   * ending twice, does nothing. @throws LauncherError
   */
  end(what: readonly Ending[], reason: string): Promise<void>;
  close(): Promise<void>;
}

/** The service cannot be asked now; the message says why. Asking later may succeed. */
export class LauncherError extends Error {
  override readonly name = "LauncherError";
  readonly kind: "throttled" | "unavailable" | "refused";

  constructor(kind: LauncherError["kind"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}
