// What is shown of a run.

import type { Page, TasksQuery } from "../../proto/control.ts";
import type { TaskId } from "../../proto/ids.ts";
import type { RunSummary, RunView, TaskView } from "../../proto/view.ts";
import type { RunState } from "./state.ts";

export function summaryOf(state: RunState): RunSummary {
  throw new Error(`unfinished ${state.seq}`);
}
export function runView(state: RunState, owner: string | null): RunView {
  throw new Error(`unfinished ${state.seq} ${owner}`);
}
/** Null where the run has no such task (yet). */
export function taskView(state: RunState, task: TaskId): TaskView | null {
  throw new Error(`unfinished ${state.seq} ${task}`);
}
export function tasksPage(state: RunState, query: TasksQuery): Page<TaskView> {
  throw new Error(`unfinished ${state.seq} ${query.limit}`);
}
