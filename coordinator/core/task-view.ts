// What is shown of a run's tasks, one by one and in pages.

import type { Page, TasksQuery } from "../../proto/control.ts";
import type { TaskId } from "../../proto/ids.ts";
import { unreachable } from "../../proto/unreachable.ts";
import type { AttemptView, TaskView } from "../../proto/view.ts";
import { childrenOf } from "./children.ts";
import { refused, type Refused } from "./decision.ts";
import { framesOf } from "./order.ts";
import type { Attempt, RunState, Task } from "./state.ts";
import { producedBy, visibleAt } from "./visible.ts";

/** Null where the run has no such task (yet). */
export function taskView(state: RunState, id: TaskId): TaskView | null {
  const task = state.tasks.get(id);
  return task === undefined ? null : viewOf(state, task);
}

function viewOf(state: RunState, task: Task): TaskView {
  const at = task.state;
  const success = at.kind === "succeeded" ? at : null;
  return {
    run: state.submitted.run,
    task: task.id,
    step: task.step.node.name,
    status: at.kind,
    caught: success !== null && success.caught !== null,
    reusedFrom: success?.reusedFrom ?? null,
    attempts: task.attempts.map(attemptView),
    frames: framesOf(task.seat),
    taken: success?.taken ?? null,
    artifacts: success === null ? {} : visibleAt(task),
    produced: Object.keys(producedBy(task)),
    parents: parentsOf(task),
    children: childrenOf(state, task),
    retryAtMs: at.kind === "backoff" ? at.dueMs : null,
  };
}

function attemptView({ end, ...started }: Attempt): AttemptView {
  if (end === null) return { ...started, finishedAtMs: null, outcome: "running", failure: null, usage: null };
  const outcome = end.failure === null ? "succeeded" : ["lost", "returned"].includes(end.failure.kind) ? "lost" : "failed";
  return { ...started, finishedAtMs: end.atMs, outcome, failure: end.failure, usage: end.usage };
}

function parentsOf({ source }: Task): TaskId[] {
  switch (source.kind) {
    case "start":
      return [];
    case "task":
      return [source.task.id];
    case "split":
      if (source.split.arrivals.length === 0) return [source.split.opener.id];
      return source.split.arrivals.flatMap((arrival) => (arrival === null ? [] : [arrival.id]));
    default:
      return unreachable(source);
  }
}

/** In the order in which the tasks came into being, which for the children of a foreach is their own. */
export function tasksPage(state: RunState, query: TasksQuery): Page<TaskView> | Refused {
  const from = query.cursor === undefined ? 0 : Number(query.cursor);
  if (!Number.isSafeInteger(from) || from < 0) return refused("invalid", `"${query.cursor}" is not a cursor of this list`);
  if (!Number.isSafeInteger(query.limit) || query.limit < 1) return refused("invalid", `a page has at least 1 task, not ${query.limit}`);
  const items: TaskView[] = [];
  for (let place = from; place < state.order.length; place++) {
    const task = state.order[place];
    if (task === undefined || !matches(task, query)) continue;
    if (items.length === query.limit) return { items, total: countOf(state, query), next: String(place) };
    items.push(viewOf(state, task));
  }
  return { items, total: countOf(state, query), next: null };
}

function matches(task: Task, { step, status }: TasksQuery): boolean {
  return (step === undefined || task.step.node.name === step) && (status === undefined || status.includes(task.state.kind));
}

function countOf(state: RunState, { step, status }: TasksQuery): number {
  const tally = step === undefined ? state.tally : state.steps.get(step)?.tally;
  if (tally === undefined) return 0;
  const counts = Object.entries(tally.byStatus).filter(([kind]) => status === undefined || status.some((asked) => asked === kind));
  return counts.reduce((sum, [, count]) => sum + count, 0);
}
