// Numbers kept while events come in, so that a summary costs the same whatever the size of the run.

import type { TaskId } from "../../proto/ids.ts";
import type { TaskCounts, TaskStatus } from "../../proto/view.ts";
import type { Task, TaskState } from "./state.ts";

export type Tally = {
  readonly byStatus: Record<TaskStatus, number>;
  caught: number;
  reused: number;
  retried: number;
  readonly durations: Durations;
};

/** How long successful attempts took: a histogram whose buckets are exact below 64 ms and 1.6 % wide above. */
export type Durations = {
  readonly buckets: Map<number, number>;
  count: number;
  maxMs: number;
  slowest: TaskId | null;
};

const bucketsPerDoubling = 64;

export function newTally(): Tally {
  return {
    byStatus: { waiting: 0, ready: 0, running: 0, backoff: 0, succeeded: 0, failed: 0, cancelled: 0 },
    caught: 0,
    reused: 0,
    retried: 0,
    durations: { buckets: new Map(), count: 0, maxMs: 0, slowest: null },
  };
}

/** Counts a task out of one state and into another; null where it did not exist before. */
export function countState(tally: Tally, from: TaskState | null, to: TaskState): void {
  if (from !== null) tally.byStatus[from.kind] -= 1;
  tally.byStatus[to.kind] += 1;
  if (to.kind !== "succeeded") return;
  if (to.caught !== null) tally.caught += 1;
  if (to.reusedFrom !== null) tally.reused += 1;
}

export function countDuration(durations: Durations, task: Task, durationMs: number): void {
  const ms = Math.max(0, Math.round(durationMs));
  const bucket = bucketOf(ms);
  durations.buckets.set(bucket, (durations.buckets.get(bucket) ?? 0) + 1);
  durations.count += 1;
  if (durations.slowest !== null && ms <= durations.maxMs) return;
  durations.maxMs = ms;
  durations.slowest = task.id;
}

/** The smallest duration that at least `share` of all don't exceed, as exact as its bucket. */
export function quantileMs(durations: Durations, share: number): number | null {
  if (durations.count === 0) return null;
  let left = Math.ceil(share * durations.count);
  for (const bucket of [...durations.buckets.keys()].sort((a, b) => a - b)) {
    left -= durations.buckets.get(bucket) ?? 0;
    if (left <= 0) return Math.min(bucketStartMs(bucket), durations.maxMs);
  }
  return durations.maxMs;
}

function bucketOf(ms: number): number {
  if (ms < bucketsPerDoubling) return ms;
  const doubling = Math.floor(Math.log2(ms / bucketsPerDoubling));
  const width = 2 ** doubling;
  return bucketsPerDoubling * (doubling + 1) + Math.min(bucketsPerDoubling - 1, Math.floor(ms / width) - bucketsPerDoubling);
}

function bucketStartMs(bucket: number): number {
  if (bucket < bucketsPerDoubling) return bucket;
  const doubling = Math.floor(bucket / bucketsPerDoubling) - 1;
  return (bucketsPerDoubling + (bucket % bucketsPerDoubling)) * 2 ** doubling;
}

export function countsOf(tally: Tally): TaskCounts {
  const { byStatus } = tally;
  return {
    ready: byStatus.ready,
    running: byStatus.running,
    waiting: byStatus.waiting + byStatus.backoff,
    succeeded: byStatus.succeeded,
    failed: byStatus.failed,
    cancelled: byStatus.cancelled,
    caught: tally.caught,
    reused: tally.reused,
    retried: tally.retried,
  };
}
