// Numbers kept while events come in, so that a summary costs the same whatever the size of the run.

import type { TaskId } from "../../proto/ids.ts";
import type { TaskCounts, TaskStatus } from "../../proto/view.ts";
import type { Task, TaskState } from "./state.ts";

export type Tally = {
  readonly byStatus: Record<TaskStatus, number>;
  caught: number;
  reused: number;
  retried: number;
  /** How long successful attempts took, in milliseconds. */
  readonly durations: Histogram;
};

/** Whole numbers in buckets that are exact below 64 and 1.6 % wide above. */
export type Histogram = {
  readonly buckets: Map<number, number>;
  count: number;
  max: number;
  /** The task that it was of. */
  largest: TaskId | null;
};

const bucketsPerDoubling = 64;

export function newTally(): Tally {
  return {
    byStatus: { waiting: 0, ready: 0, running: 0, backoff: 0, succeeded: 0, failed: 0, cancelled: 0 },
    caught: 0,
    reused: 0,
    retried: 0,
    durations: newHistogram(),
  };
}

export function newHistogram(): Histogram {
  return { buckets: new Map(), count: 0, max: 0, largest: null };
}

/** Counts a task out of one state and into another; null where it did not exist before. */
export function countState(tally: Tally, from: TaskState | null, to: TaskState): void {
  if (from !== null) tally.byStatus[from.kind] -= 1;
  tally.byStatus[to.kind] += 1;
  if (to.kind !== "succeeded") return;
  if (to.caught !== null) tally.caught += 1;
  if (to.reusedFrom !== null) tally.reused += 1;
}

export function countValue(histogram: Histogram, task: Task, value: number): void {
  const whole = Math.max(0, Math.round(value));
  const bucket = bucketOf(whole);
  histogram.buckets.set(bucket, (histogram.buckets.get(bucket) ?? 0) + 1);
  histogram.count += 1;
  if (histogram.largest !== null && whole <= histogram.max) return;
  histogram.max = whole;
  histogram.largest = task.id;
}

/** The smallest value that at least `share` of all don't exceed, as exact as its bucket. */
export function quantileOf(histogram: Histogram, share: number): number | null {
  if (histogram.count === 0) return null;
  let left = Math.ceil(share * histogram.count);
  for (const bucket of [...histogram.buckets.keys()].sort((a, b) => a - b)) {
    left -= histogram.buckets.get(bucket) ?? 0;
    if (left <= 0) return Math.min(bucketStart(bucket), histogram.max);
  }
  return histogram.max;
}

function bucketOf(value: number): number {
  if (value < bucketsPerDoubling) return value;
  const doubling = Math.floor(Math.log2(value / bucketsPerDoubling));
  const width = 2 ** doubling;
  return bucketsPerDoubling * (doubling + 1) + Math.min(bucketsPerDoubling - 1, Math.floor(value / width) - bucketsPerDoubling);
}

function bucketStart(bucket: number): number {
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
