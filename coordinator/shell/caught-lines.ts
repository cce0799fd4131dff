// What an attempt's output says of a failure that `@catchError` has caught.

import { describeFailure } from "../../proto/failure.ts";
import type { TaskId } from "../../proto/ids.ts";
import type { RunState } from "../core/state.ts";

/** Empty where nothing was caught, or where the step says `print: false`. */
export function caughtLines(state: RunState, id: TaskId): readonly string[] {
  const task = state.tasks.get(id);
  if (task?.state.kind !== "succeeded" || task.state.caught === null || task.step.node.policy.catch?.print !== true) return [];
  const { caught } = task.state;
  const text = caught.kind === "userError" && caught.stack !== "" ? caught.stack : describeFailure(caught);
  return [`stepwell: @catchError caught a failure of ${id}`, ...text.split("\n")];
}
