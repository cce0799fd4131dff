// What running steps say of how far they are (`current.progress`), as it comes with their output.
//
// T1. One word is kept for each step: what the task that spoke last has said.

import { stepOf, type StepName, type TaskId } from "../../proto/ids.ts";
import type { LogLine } from "../../proto/view.ts";
import { parseProgressLine, type Progress } from "../../sdk/flow/progress.ts";

export type Told = { readonly task: TaskId; readonly progress: Progress };

/** Null where the line is something else. */
export function progressOn(line: LogLine): Progress | null {
  return line.stream === "system" ? parseProgressLine(line.text) : null;
}

export class ToldProgress {
  readonly #byStep = new Map<StepName, Told>();

  hear(task: TaskId, progress: Progress): void {
    this.#byStep.set(stepOf(task), { task, progress });
  }

  /** The task's attempt has ended. */
  forget(task: TaskId): void {
    if (this.of(stepOf(task))?.task === task) this.#byStep.delete(stepOf(task));
  }

  of(step: StepName): Told | null {
    return this.#byStep.get(step) ?? null;
  }
}

/** Which words are worth a line where lines stay: a task's first, its last where it says so, and one now and then. */
export class SeldomTold {
  readonly #everyMs: number;
  readonly #shownAtMs = new Map<TaskId, number>();

  constructor(everyMs: number) {
    this.#everyMs = everyMs;
  }

  isShown({ task, atMs }: LogLine, { done, total }: Progress): boolean {
    const shownAtMs = this.#shownAtMs.get(task);
    if (shownAtMs !== undefined && atMs - shownAtMs < this.#everyMs && (total === null || done < total)) return false;
    this.#shownAtMs.set(task, atMs);
    return true;
  }

  forget(task: TaskId): void {
    this.#shownAtMs.delete(task);
  }
}
