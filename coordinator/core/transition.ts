// Holds the transition that an attempt took against the graph.

import { countOf } from "../../proto/artifact.ts";
import type { Transition } from "../../proto/graph.ts";
import type { TakenTransition } from "../../proto/order.ts";
import { unreachable } from "../../proto/unreachable.ts";
import type { RunState, Task } from "./state.ts";

/** What is wrong with the transition, for the author; null where the graph has it and it is not too wide. */
export function objectionTo(state: RunState, task: Task, taken: TakenTransition): string | null {
  const { node } = task.step;
  if (!agrees(node.transition, taken)) {
    return `step ${node.name} took the transition "${describe(taken)}", but its graph says "${describePlanned(node.transition)}"`;
  }
  if (taken.kind !== "foreach") return null;
  const { splitsMax } = state.submitted.options;
  const count = countOf(taken.elements);
  if (count <= splitsMax) return null;
  return `foreach of step ${node.name} has ${count} elements, and at most ${splitsMax} are allowed; to raise it: --max-splits ${count}`;
}

export function agrees(planned: Transition, taken: TakenTransition): boolean {
  switch (planned.kind) {
    case "end":
      return taken.kind === "end";
    case "linear":
      return taken.kind === "linear" && taken.to === planned.to;
    case "foreach":
      return taken.kind === "foreach" && taken.to === planned.to;
    case "branch":
      return taken.kind === "branch" && taken.to.length === planned.to.length && planned.to.every((to, i) => taken.to[i] === to);
    case "switch":
      return taken.kind === "switch" && Object.hasOwn(planned.cases, taken.value) && planned.cases[taken.value] === taken.to;
    default:
      return unreachable(planned);
  }
}

function describe(taken: TakenTransition): string {
  switch (taken.kind) {
    case "end":
      return "end";
    case "linear":
      return `to ${taken.to}`;
    case "foreach":
      return `foreach to ${taken.to}`;
    case "branch":
      return `to ${taken.to.join(", ")}`;
    case "switch":
      return `case ${taken.value} to ${taken.to}`;
    default:
      return unreachable(taken);
  }
}

function describePlanned(planned: Transition): string {
  if (planned.kind !== "switch") return planned.kind === "foreach" ? `foreach to ${planned.to}` : describe(planned);
  return Object.entries(planned.cases)
    .map(([value, to]) => `case ${value} to ${to}`)
    .join(", ");
}
