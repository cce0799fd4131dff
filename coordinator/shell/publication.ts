// Which ready tasks of a run lie in the queue. A wide foreach has more ready tasks than anybody can take soon, so only a
// window of them is published, and refilled as tasks start.
//
// P1. What is published, and what runs, never exceed `workersMax` together: a task that is taken can start.
// P2. A task is published only after the event that made it ready is durable.

import { readyTasks, type RunState } from "../core/state.ts";
import type { TaskId } from "../../proto/ids.ts";
import type { QueuedTask } from "../ports/task-queue.ts";

/** Published tasks of one run that nobody has taken. */
export const windowMax = 1000;

/** What is known of a task that lies in the queue; times of the monotonic clock. */
type Hint = {
  /** When it was published, or taken and handed back, last. */
  readonly sinceMs: number;
  /** Until then the queue keeps back what was handed back. */
  readonly keptBackUntilMs: number;
};

type Ready = { readonly task: TaskId; readonly attempt: number };

export class Publication {
  readonly #state: RunState;
  readonly #published = new Map<TaskId, Hint>();
  /** Ready by an event that is not durable yet. */
  readonly #undurable = new Set<TaskId>();
  /** Goes on where it stopped, since beginning anew would pass over all that it has seen. */
  #cursor: Iterator<Ready> | null = null;
  /** Seen by the cursor, or given back, and not published. */
  #next: Ready[] = [];

  constructor(state: RunState) {
    this.#state = state;
  }

  /** How many tasks lie in the queue, as far as it has lost none. */
  get size(): number {
    return this.#published.size;
  }

  becameReady(task: TaskId): void {
    this.#undurable.add(task);
  }

  /** What `becameReady` said of the task is durable. */
  becameDurable(task: TaskId): void {
    this.#undurable.delete(task);
  }

  /** Tasks to publish now. */
  refill(nowMs: number): readonly QueuedTask[] {
    const { submitted, running } = this.#state;
    const room = Math.min(windowMax, submitted.options.workersMax - running.size);
    const tasks: QueuedTask[] = [];
    while (this.#published.size < room) {
      const ready = this.#takeReady();
      if (ready === null) break;
      this.#published.set(ready.task, { sinceMs: nowMs, keptBackUntilMs: nowMs });
      tasks.push({ run: submitted.run, task: ready.task, attempt: ready.attempt });
    }
    return tasks;
  }

  /** It has been started, or is not to be any more. */
  remove(task: TaskId): void {
    this.#published.delete(task);
  }

  /** It was taken and could not be started although it is ready. */
  giveBack(task: TaskId, attempt: number): void {
    if (this.#published.delete(task)) this.#next.push({ task, attempt });
  }

  /** It was taken and nobody may have it now. False where the queue has another hint of it, or gets one: then this one may go. */
  handBack(task: TaskId, nowMs: number, untilMs: number): boolean {
    const hint = this.#published.get(task);
    if (hint === undefined || nowMs < hint.keptBackUntilMs) return false;
    this.#published.set(task, { sinceMs: nowMs, keptBackUntilMs: untilMs });
    return true;
  }

  /** What was published before that time and has not been taken, to be published again; the hints may be lost. */
  olderThan(sinceMs: number, nowMs: number): readonly QueuedTask[] {
    const tasks: QueuedTask[] = [];
    for (const [task, hint] of this.#published) {
      if (hint.sinceMs > sinceMs) continue;
      const attempt = this.#readyAttempt(task);
      if (attempt === null) this.#published.delete(task);
      else tasks.push({ run: this.#state.submitted.run, task, attempt });
    }
    for (const { task } of tasks) this.#published.set(task, { sinceMs: nowMs, keptBackUntilMs: nowMs });
    return tasks;
  }

  #takeReady(): Ready | null {
    for (;;) {
      const next = this.#next[0] ?? this.#advanceCursor();
      if (next === null) return null;
      if (this.#published.has(next.task) || this.#readyAttempt(next.task) === null) {
        this.#next.shift();
        continue;
      }
      if (this.#undurable.has(next.task)) return null; // P2: what follows is younger.
      this.#next.shift();
      return next;
    }
  }

  #advanceCursor(): Ready | null {
    if (this.#state.ready.size <= this.#published.size) return null;
    this.#cursor ??= readyTasks(this.#state)[Symbol.iterator]();
    const result = this.#cursor.next();
    if (result.done === true) {
      this.#cursor = null;
      return null;
    }
    this.#next.push(result.value);
    return result.value;
  }

  #readyAttempt(id: TaskId): number | null {
    const task = this.#state.tasks.get(id);
    return task?.state.kind === "ready" ? task.attempts.length : null;
  }
}
