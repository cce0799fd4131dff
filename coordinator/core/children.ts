// Where a task that has succeeded leads, by name: the tasks there may not exist yet.

import { taskIdOf, type StepName, type TaskId } from "../../proto/ids.ts";
import { unreachable } from "../../proto/unreachable.ts";
import { indexesOf, stepOfRun, widthOf, type RunState, type Task } from "./state.ts";

/** Empty for a task that has not succeeded. */
export function childrenOf(state: RunState, task: Task): TaskId[] {
  if (task.state.kind !== "succeeded") return [];
  const { taken } = task.state;
  const indexes = indexesOf(task.seat);
  switch (taken.kind) {
    case "end":
      return [];
    case "linear":
    case "switch":
      return [childOf(state, task, taken.to)];
    case "branch":
      return taken.to.map((to) => taskIdOf(to, indexes));
    case "foreach": {
      const { closer } = task.step;
      const width = widthOf(taken);
      if (width === 0) return closer === null ? [] : [taskIdOf(closer, indexes)];
      return Array.from({ length: width }, (_, index) => taskIdOf(taken.to, [...indexes, index]));
    }
    default:
      return unreachable(taken);
  }
}

function childOf(state: RunState, task: Task, to: StepName): TaskId {
  const isJoin = stepOfRun(state, to).node.joins !== null;
  return taskIdOf(to, indexesOf(isJoin && task.seat !== null ? task.seat.split.opener.seat : task.seat));
}
