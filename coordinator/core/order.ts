// What a worker needs to run an attempt, made from the state when the attempt is assigned.

import { elementAt } from "../../proto/artifact.ts";
import type { TaskId } from "../../proto/ids.ts";
import type { ForeachFrame, TaskInputs, TaskOrder } from "../../proto/order.ts";
import { unreachable } from "../../proto/unreachable.ts";
import { memoryMiBOf } from "./needs.ts";
import { currentAttempt, widthOf, type RunState, type Seat, type Task } from "./state.ts";
import { joinInputsOf, visibleAfter } from "./visible.ts";

/** For a task that is ready or running; its attempt is the current one. */
export function orderFor(state: RunState, id: TaskId, assigned: { readonly lease: number }): TaskOrder {
  const { submitted } = state;
  const task = state.tasks.get(id);
  if (task === undefined) throw new Error(`${submitted.run} has no task ${id}`);
  const { node } = task.step;
  return {
    run: submitted.run,
    flow: submitted.graph.flow,
    task: id,
    step: node.name,
    attempt: currentAttempt(task),
    lease: assigned.lease,
    codePackage: submitted.codePackage,
    frames: framesOf(task.seat),
    inputs: inputsOf(task),
    parameters: submitted.parameters,
    secrets: submitted.secrets,
    // Also where a retry would follow: some failures are caught at once, and nobody knows which one it will be.
    keepOnFailure: node.policy.catch !== null,
    catchVar: node.policy.catch?.var ?? null,
    timeoutSeconds: node.policy.timeoutSeconds,
    isolated: node.policy.isolated || submitted.options.isolation === "process",
    environment: node.policy.environment,
    memoryMiB: memoryMiBOf(task),
    context: { ...submitted.context, tags: state.tags },
  };
}

export function framesOf(seat: Seat | null): ForeachFrame[] {
  const frames: ForeachFrame[] = [];
  for (let at = seat; at !== null; at = at.split.opener.seat) {
    const { fan, opener } = at.split;
    if (fan.kind !== "foreach") continue;
    frames.push({ step: opener.step.node.name, index: at.slot, count: widthOf(fan), element: elementAt(fan.elements, at.slot) });
  }
  return frames.reverse();
}

function inputsOf({ source }: Task): TaskInputs {
  switch (source.kind) {
    case "start":
      return { kind: "single", artifacts: {} };
    case "task":
      return { kind: "single", artifacts: visibleAfter(source.task) };
    case "split": {
      const { fan, opener } = source.split;
      const base = visibleAfter(opener);
      const inputs = joinInputsOf(source.split, base);
      return { kind: "join", split: fan.kind, base, inputs, elements: fan.kind === "foreach" ? fan.elements : null };
    }
    default:
      return unreachable(source);
  }
}
