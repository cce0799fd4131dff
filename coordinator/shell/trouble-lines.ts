// What an attempt's output says of the failure that ended it: caught by `@catchError`, to be retried, or final.

import { failureLines, failureText } from "../../proto/failure-lines.ts";
import type { TaskId } from "../../proto/ids.ts";
import type { RunState } from "../core/state.ts";

/** Empty where nothing failed, where the step says `print: false` of what it catches, and where somebody cancelled. */
export function troubleLines(state: RunState, id: TaskId, attempt: number): readonly string[] {
  const task = state.tasks.get(id);
  if (task === undefined) return [];
  if (task.state.kind === "succeeded" && task.state.caught !== null) {
    if (task.step.node.policy.catch?.print !== true) return [];
    return [`stepwell: @catchError caught a failure of ${id}`, ...failureText(task.state.caught).split("\n")];
  }
  const failure = task.attempts[attempt]?.end?.failure ?? null;
  return failure === null || failure.kind === "cancelled" ? [] : failureLines(attempt, failure);
}
