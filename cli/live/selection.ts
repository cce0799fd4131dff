// Which tasks of a large step get lines of their own: the first few to start, and always the ones that went wrong.

import { stepOf, type StepName, type TaskId } from "../../proto/ids.ts";

/** Tasks of a step that are told about one by one. */
export const tasksShownMax = 10;
/** Failures and retries of a step that are told about one by one. */
export const troublesShownMax = 20;

export class Selection {
  readonly #shown = new Map<StepName, Set<TaskId>>();
  readonly #passedOver = new Set<StepName>();
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

  /** At a task's end: `first` marks the step's first one that gets no line, so that this is said once. */
  end(task: TaskId): "show" | "first" | "count" {
    if (this.has(task)) return "show";
    if (this.#passedOver.has(stepOf(task))) return "count";
    this.#passedOver.add(stepOf(task));
    return "first";
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
