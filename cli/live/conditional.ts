// Which steps of a graph run only where a switch leads to them: their number of tasks cannot be known ahead.

import { targetsOf, type FlowGraph, type StepNode } from "../../proto/graph.ts";
import type { StepName } from "../../proto/ids.ts";

/** Judged within the split around a step: that a whole foreach is conditional doesn't make its children so. */
export function conditionalSteps(graph: FlowGraph): ReadonlySet<StepName> {
  const conditional = new Set<StepName>();
  const before = predecessors(graph);
  for (let grew = true; grew;) {
    const more = graph.steps.filter((step) => !conditional.has(step.name) && isConditional(step, before.get(step.name) ?? [], conditional));
    for (const step of more) conditional.add(step.name);
    grew = more.length > 0;
  }
  return conditional;
}

function isConditional(step: StepNode, before: readonly StepNode[], conditional: ReadonlySet<StepName>): boolean {
  if (step.joins !== null) return conditional.has(step.joins);
  const split = step.within.at(-1);
  return (
    before.length > 0 && before.every((from) => from.name !== split && (from.transition.kind === "switch" || conditional.has(from.name)))
  );
}

function predecessors(graph: FlowGraph): ReadonlyMap<StepName, readonly StepNode[]> {
  const map = new Map<StepName, StepNode[]>();
  for (const from of graph.steps) {
    for (const to of targetsOf(from.transition)) map.set(to, [...(map.get(to) ?? []), from]);
  }
  return map;
}
