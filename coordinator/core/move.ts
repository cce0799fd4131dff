// Moves tasks between states: the one place where a task's state, the sets and the tallies change, all together (S3).

import type { Task, RunState, TaskState } from "./state.ts";
import { countState } from "./tally.ts";

/** Moves that a task may make. `succeeded` is final (S4); only a retry in place leaves `failed` and `cancelled`. */
const moves: Readonly<Record<TaskState["kind"], readonly TaskState["kind"][]>> = {
  waiting: ["ready", "cancelled", "succeeded"],
  ready: ["running", "cancelled"],
  running: ["succeeded", "failed", "cancelled", "backoff", "ready"],
  backoff: ["ready", "cancelled"],
  succeeded: [],
  failed: ["ready"],
  cancelled: ["ready"],
};

export function move(state: RunState, task: Task, to: TaskState): void {
  const from = task.state;
  if (!moves[from.kind].includes(to.kind)) throw new Error(`${state.submitted.run}/${task.id}: ${from.kind} cannot become ${to.kind}`);
  setOf(state, from.kind)?.delete(task);
  setOf(state, to.kind)?.add(task);
  countState(state.tally, from, to);
  countState(task.step.tally, from, to);
  task.state = to;
}

/** A new task waits; whoever makes it moves it on. */
export function add(state: RunState, task: Task): void {
  if (state.tasks.has(task.id)) throw new Error(`${state.submitted.run}/${task.id} came into being twice`);
  state.tasks.set(task.id, task);
  state.order.push(task);
  countState(state.tally, null, task.state);
  countState(task.step.tally, null, task.state);
}

function setOf(state: RunState, kind: TaskState["kind"]): Set<Task> | null {
  if (kind === "ready") return state.ready;
  if (kind === "running") return state.running;
  if (kind === "backoff") return state.backingOff;
  return kind === "failed" ? state.failed : null;
}
