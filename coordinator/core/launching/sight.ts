// What a coordinator sees of launches at a moment, beside their history: what its runs need, who is connected, and what the
// service said last. And what it remembers of that from one moment to the next.

import type { LaunchId } from "../../../proto/launch.ts";
import type { Shape } from "../../../proto/shape.ts";
import type { LaunchEvent, LaunchProblem } from "./event.ts";

export type LaunchLimits = {
  /** Launched workers at the same time, over all shapes; and those that one run is a reason for. */
  readonly workersMax: number;
  readonly workersPerRunMax: number;
  /** Kept of each shape for as long as any of its workers is there. */
  readonly workersMin: number;
  /** Beyond it nothing is launched and nothing new begins on launched workers until the day, of UTC, is over. */
  readonly usdPerDayMax: number;
  /** How long demand is left to grow before workers are launched for it, and surplus to last. */
  readonly windowMs: number;
  /** How long a worker has nothing to do before it is sent away. */
  readonly idleMs: number;
  /** A worker that is away for so long has left. */
  readonly leftAfterMs: number;
  /** A worker that has run for so long without coming never will. */
  readonly silentMs: number;
  /** A launch of which nobody has come for so long is given up, and another one tried. */
  readonly waitingMsMax: number;
  /** The wait after the first failure in a row; each further one doubles it. */
  readonly backoffMs: number;
  readonly backoffMsMax: number;
  /** Of the launcher. */
  readonly countMax: number;
  readonly lagMs: number;
};

/** Tasks of one shape that run, or could if there were workers: as many as limits of runs and steps allow at once. */
export type Demand = {
  readonly shape: Shape;
  readonly key: string;
  readonly tasks: number;
  /** What a worker of the shape would be; null where there can be none. */
  readonly size: { readonly slots: number; readonly usdPerHour: number } | null;
};

export type ConnectedWorker = {
  /** Of its shape. */
  readonly key: string;
  readonly slots: number;
  readonly isDraining: boolean;
  /** On the monotonic clock; null while it holds anything. */
  readonly idleSinceMs: number | null;
};

export type LaunchReport = {
  /** On the monotonic clock: when it was asked for. */
  readonly askedAtMs: number;
  /** Null where the service doesn't know the job. */
  readonly job: {
    readonly waiting: number;
    readonly starting: number;
    readonly running: number;
    /** Ended, well or not. */
    readonly ended: number;
    /** In the service's words: why those that wait do wait. */
    readonly waitsFor: string | null;
    readonly failures: readonly { readonly index: number; readonly kind: LaunchProblem; readonly reason: string }[];
  } | null;
};

export type Search = { readonly askedAtMs: number; readonly jobs: readonly { readonly job: string; readonly over: boolean }[] };

export type Sight = {
  readonly nowMs: number;
  readonly monotonicMs: number;
  readonly demand: readonly Demand[];
  /** By the worker's name; of the pool of launched workers. */
  readonly connected: ReadonlyMap<string, ConnectedWorker>;
  readonly reports: ReadonlyMap<LaunchId, LaunchReport>;
  /** The latest of each launch. */
  readonly searches: ReadonlyMap<LaunchId, Search>;
  /** The service is being asked for these now. */
  readonly asking: ReadonlySet<LaunchId>;
};

/** On the monotonic clock, and lost with the process: whatever is forgotten begins anew and costs time only. */
export type Memory = {
  /** By key: since when there are too few, or too many. */
  readonly unservedSinceMs: Map<string, number>;
  readonly surplusSinceMs: Map<string, number>;
  /** By worker. */
  readonly awaySinceMs: Map<string, number>;
  readonly draining: Set<string>;
  readonly launches: Map<LaunchId, LaunchMemory>;
};

export type LaunchMemory = {
  /** When this process first saw the launch as it is now. */
  readonly stage: string;
  readonly sinceMs: number;
  /** More of its workers have ended than were there. */
  failedSinceMs: number | null;
  /** Its workers run, and do not come. */
  silentSinceMs: number | null;
  /** It waits for workers. */
  pendingSinceMs: number | null;
  /** It has only strangers left: those that are neither there nor expected. */
  strangersSinceMs: number | null;
  /** How many of its workers are ended, as far as the service was told so. */
  ended: number;
  extrasLooked: boolean;
};

export function newMemory(): Memory {
  return { unservedSinceMs: new Map(), surplusSinceMs: new Map(), awaySinceMs: new Map(), draining: new Set(), launches: new Map() };
}

export type LaunchPlan = { readonly shape: Shape; readonly count: number; readonly slots: number; readonly usdPerHour: number };

export type LaunchEffect =
  | { readonly kind: "launch"; readonly launch: LaunchId }
  | { readonly kind: "find"; readonly launch: LaunchId }
  | { readonly kind: "describe"; readonly launch: LaunchId; readonly job: string }
  | {
      readonly kind: "end";
      readonly launch: LaunchId;
      readonly job: string;
      readonly indexes: readonly number[] | null;
      readonly isExtra: boolean;
      readonly why: string;
    }
  | { readonly kind: "drain"; readonly worker: string; readonly why: string }
  | { readonly kind: "forget"; readonly launch: LaunchId };

/** Why fewer workers are launched for a shape than its tasks could use. */
export type Holdup =
  | { readonly kind: "impossible" }
  | { readonly kind: "budget"; readonly spentUsd: number; readonly usdPerDayMax: number; readonly untilMs: number }
  | { readonly kind: "backoff"; readonly untilMs: number; readonly failures: number; readonly reason: string }
  | { readonly kind: "workersMax"; readonly max: number };

export type ShapeOutlook = {
  /** Workers that were asked for and have not come. */
  readonly pending: number;
  /** That are there. */
  readonly workers: number;
  readonly holdup: Holdup | null;
};

export type LaunchDecision = {
  readonly events: readonly LaunchEvent[];
  readonly plans: readonly LaunchPlan[];
  /** Each is made again until it shows in what is seen. */
  readonly effects: readonly LaunchEffect[];
  /** By key; null where it is as it was. */
  readonly outlook: ReadonlyMap<string, ShapeOutlook> | null;
  readonly spentUsd: number;
};
