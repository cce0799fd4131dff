// Collecting garbage: which runs give up their artifacts, and what came of it.

import type { RunId } from "./ids.ts";

/**
 * A finished run is kept if any of these says so; with none of them all runs are kept, and only blobs that no run names are
 * deleted. An unfinished run is always kept.
 */
export type Retention = {
  /** Runs that ended less than so many days ago. */
  readonly keepDays: number | null;
  /** So many of the newest runs of each flow in the namespace. */
  readonly keepLast: number | null;
  /** Runs that carry one of these tags. */
  readonly keepTags: readonly string[];
  /** Runs outside of it are kept; null means that there is no outside. */
  readonly namespace: string | null;
};

export type CollectRequest = {
  readonly retention: Retention;
  /** The output of collected runs goes too, unless this says otherwise. */
  readonly keepLogs: boolean;
  /** Only tells what would be done. */
  readonly dryRun: boolean;
  readonly by: string;
  /** What is asked for again with the same one is not done again: it is told what came of it. */
  readonly key?: string;
};

export type Amount = { readonly blobs: number; readonly bytes: number };

export type CollectReport = {
  readonly dryRun: boolean;
  /** Whose artifacts are gone now, or would be. */
  readonly runs: readonly RunId[];
  /** Runs that should have been collected, but are driven by another process just now. */
  readonly busy: readonly RunId[];
  readonly keptRuns: number;
  readonly deleted: Amount;
  /** What runs need. */
  readonly needed: Amount;
  /** Needed by no run, but too young to be sure of it: somebody may be about to name them. */
  readonly young: Amount;
  /** From when on blobs are no longer young. Hours. */
  readonly youngHours: number;
};
