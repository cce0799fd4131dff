// Who holds what: an attempt that was handed to a worker and whose end has not been decided.

import type { Failure } from "../../proto/failure.ts";
import type { RunId, TaskId } from "../../proto/ids.ts";
import type { Needs } from "../core/needs.ts";
import type { Task } from "../core/state.ts";
import type { Held } from "../../sdk/wire/worker-items.ts";
import type { Counted } from "./concurrency.ts";

export type Assignment = {
  readonly run: RunId;
  readonly task: TaskId;
  readonly attempt: number;
  readonly lease: number;
  /** Id of the worker. */
  readonly worker: string;
  readonly needs: Needs;
  readonly counted: Counted;
  /** When the worker was last known to hold it, on the monotonic clock. */
  heldAtMs: number;
  /** The worker has named it. What it never named may never have reached it. */
  acknowledged: boolean;
  /** What the coordinator decides itself if the worker hasn't reported by then; null while the attempt has no limit. */
  backstop: Backstop | null;
  /** Lines of output that were kept; null where a coordinator before this one may have kept some. */
  lines: number | null;
  readonly output: Output;
};

/** Of the worker's own numbering of the lines that the attempt printed. */
type Output = {
  /** Lines before this one have been taken in; null where only the log store knows. */
  next: number | null;
  /** What that was a beat ago: so many have been written by now. */
  written: number;
  /** Of these the worker knows. */
  told: number;
};

/** `dueMs` is on the monotonic clock. */
export type Backstop = { readonly dueMs: number; readonly failure: Failure };

export function isSame(assignment: Assignment, held: Held): boolean {
  return assignment.lease === held.lease && assignment.attempt === held.attempt;
}

export function heldOf({ run, task, attempt, lease }: Assignment): Held {
  return { run, task, attempt, lease };
}

/** What an attempt's own time-out is given to be enforced by the worker. Milliseconds. */
const timeoutGraceMs = 30_000;

/** For an attempt that begins, or is known to run, now. */
export function timeoutBackstop(task: Task | undefined, nowMs: number): Backstop | null {
  const seconds = task?.step.node.policy.timeoutSeconds ?? null;
  if (seconds === null) return null;
  return { dueMs: nowMs + seconds * 1000 + timeoutGraceMs, failure: { kind: "timeout", afterSeconds: seconds } };
}
