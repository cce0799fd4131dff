import type { RunId, TaskId } from "../../proto/ids.ts";

/** A hint that a task is ready: under 1 KiB, may be lost, repeated, reordered. Who takes it asks the run's state. */
export type QueuedTask = { readonly run: RunId; readonly task: TaskId; readonly attempt: number };

/** A taken task. Until `ack`, the queue gives it to somebody else after its acknowledgement time. */
export type TakenTask = { readonly queued: QueuedTask; ack(): void; nak(delayMs: number): void };

/**
 * Ready tasks of one pool, first in first out as far as the adapter can. At least once; a lost hint is republished
 * by the coordinator's reconciler, so that a queue that forgets everything costs time only.
 */
export interface TaskQueue {
  publish(pool: string, tasks: readonly QueuedTask[]): Promise<void>;
  /** At most `max` tasks; resolves with what there is, at once, or when the first arrives. Empty after `waitMs`. */
  take(pool: string, max: number, waitMs: number): Promise<readonly TakenTask[]>;
  depth(pool: string): Promise<number>;
  close(): Promise<void>;
}
