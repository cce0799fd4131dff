// Which tasks of a large step get lines of their own: the first few to start, and always the ones that went wrong.

import { stepOf, type StepName, type TaskId } from "../../proto/ids.ts";

/** Tasks of a step that are told about one by one. */
const tasksShownMax = 10;
/** Failures and retries of a step that are told about one by one. */
export const troublesShownMax = 20;

export class Selection {
  readonly #shown = new Map<StepName, Set<TaskId>>();
  readonly #troubles = new Map<StepName, number>();

  /** At a task's start, or at its first line where that is heard of first. True if the task is shown. */
  admit(task: TaskId): boolean {
    const shown = this.#shown.get(stepOf(task));
    if (shown === undefined) {
      this.#shown.set(stepOf(task), new Set([task]));
      return true;
    }
    if (shown.size < tasksShownMax) shown.add(task);
    return shown.has(task);
  }

  has(task: TaskId): boolean {
    return this.#shown.get(stepOf(task))?.has(task) === true;
  }

  /** `last` marks the one after which further ones are only counted. */
  trouble(task: TaskId): "show" | "last" | "count" {
    const before = this.#troubles.get(stepOf(task)) ?? 0;
    this.#troubles.set(stepOf(task), before + 1);
    if (before + 1 < troublesShownMax) return "show";
    return before + 1 === troublesShownMax ? "last" : "count";
  }

  /** How many there were so far in the task's step. */
  troubles(task: TaskId): number {
    return this.#troubles.get(stepOf(task)) ?? 0;
  }
}
