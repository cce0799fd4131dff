import type { RunId, TaskId } from "../../proto/ids.ts";

/** A hint that a task is ready: under 1 KiB, may be lost, repeated, reordered. Who takes it asks the run's state. */
export type QueuedTask = { readonly run: RunId; readonly task: TaskId; readonly attempt: number };

/** A taken task. Until `ack`, the queue gives it to somebody else after its acknowledgement time. */
export type TakenTask = { readonly queued: QueuedTask; ack(): void; nak(delayMs: number): void };

/** Whether the queue can be reached, since when (milliseconds since 1970), and why not, for people. */
export type QueueHealth =
  | { readonly reachable: true; readonly sinceMs: number }
  | { readonly reachable: false; readonly sinceMs: number; readonly reason: string };

/**
 * Ready tasks of one pool, first in first out as far as the adapter can. At least once; a lost hint is republished
 * by the coordinator's reconciler, so that a queue that forgets everything costs time only.
 */
export interface TaskQueue {
  /** Rejects, after a bounded time, where it is not known of every task that the queue has it. */
  publish(pool: string, tasks: readonly QueuedTask[]): Promise<void>;
  /** At most `max` tasks; resolves with what there is, at once, or when the first arrives. Empty after `waitMs`, reachable or not. */
  take(pool: string, max: number, waitMs: number): Promise<readonly TakenTask[]>;
  /** How many wait to be taken. Rejects while the queue cannot be reached. */
  depth(pool: string): Promise<number>;
  health(): QueueHealth;
  close(): Promise<void>;
}
