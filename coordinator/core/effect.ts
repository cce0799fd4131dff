// What the shell must cause because of an event. An effect names what it is about, so doing it twice is harmless.

import type { RunStatus } from "../../proto/event.ts";
import type { TaskId } from "../../proto/ids.ts";
import { currentAttempt, lastAttempt, type RunState, type Task } from "./state.ts";
import { statusOf } from "./status.ts";

export type Effect =
  /** The submission was cut short after its first events: append `runStarted`. What it would have reused beyond runs again. */
  | { readonly kind: "begin" }
  /** The attempt is ready: offer it to the workers of its pool. */
  | { readonly kind: "enqueue"; readonly task: TaskId; readonly attempt: number }
  /** Decide `retryDue` for the attempt, not before `dueMs`. */
  | { readonly kind: "setTimer"; readonly task: TaskId; readonly attempt: number; readonly dueMs: number }
  /** End the running attempt; what it reports then is its outcome. */
  | { readonly kind: "stop"; readonly task: TaskId; readonly attempt: number; readonly lease: number; readonly by: string }
  /** Nothing is left to run. */
  | { readonly kind: "finish"; readonly status: RunStatus };

export function enqueueOf(task: Task): Effect {
  return { kind: "enqueue", task: task.id, attempt: currentAttempt(task) };
}

export function stopOf(task: Task, by: string): Effect {
  return { kind: "stop", task: task.id, attempt: currentAttempt(task), lease: lastAttempt(task)?.lease ?? 0, by };
}

/** Every effect that was decided and that no event has confirmed yet: performing these is all that recovery does. */
export function outstanding(state: RunState): Effect[] {
  if (state.finishedAtMs !== null) return [{ kind: "finish", status: statusOf(state) }];
  if (state.startedAtMs === null) return [{ kind: "begin" }];
  const effects: Effect[] = [];
  for (const task of state.ready) effects.push(enqueueOf(task));
  for (const task of state.backingOff) {
    if (task.state.kind === "backoff")
      effects.push({ kind: "setTimer", task: task.id, attempt: currentAttempt(task), dueMs: task.state.dueMs });
  }
  const stopping = state.stopping;
  if (stopping !== null) for (const task of state.running) effects.push(stopOf(task, stopping.by));
  return effects;
}
