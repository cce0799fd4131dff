// How many tasks each step of a run will have, as soon as that is certain.

import { targetsOf, type FlowGraph, type StepNode } from "../../proto/graph.ts";
import type { StepName } from "../../proto/ids.ts";
import type { RunState, Step } from "./state.ts";

export type Totals = ReadonlyMap<StepName, number | null>;

/** Null while a foreach around the step has not been counted, or while a switch may still pass it by. */
export function totalsOf(state: RunState): Totals {
  const totals = new Map<StepName, number | null>();
  const optional = optionalSteps(state.submitted.graph);
  for (const step of state.steps.values()) totalOf(state, step, { totals, optional });
  return totals;
}

type Known = { readonly totals: Map<StepName, number | null>; readonly optional: ReadonlySet<StepName> };

function totalOf(state: RunState, step: Step, known: Known): number | null {
  const earlier = known.totals.get(step.node.name);
  if (earlier !== undefined) return earlier;
  const places = placesOf(state, step.node, known);
  const total = known.optional.has(step.node.name) ? optionalTotal(state, step, places) : places;
  known.totals.set(step.node.name, total);
  return total;
}

/** A step behind a switch has at most as many tasks as it has places. */
function optionalTotal(state: RunState, step: Step, places: number | null): number | null {
  const tasks = tasksOf(step);
  return state.finishedAtMs !== null || tasks === places ? tasks : null;
}

function placesOf(state: RunState, node: StepNode, known: Known): number | null {
  const around = node.within.at(-1);
  if (around === undefined) return 1;
  const opener = state.steps.get(around);
  if (opener === undefined) return null;
  const openers = totalOf(state, opener, known);
  if (opener.node.transition.kind !== "foreach") return openers;
  return openers !== null && opener.foreaches === openers ? opener.elements : null;
}

export function tasksOf(step: Step): number {
  return Object.values(step.tally.byStatus).reduce((sum, count) => sum + count, 0);
}

/** Steps that some case of a switch leads to and another case passes by. */
export function optionalSteps(graph: FlowGraph): ReadonlySet<StepName> {
  const targets = new Map(graph.steps.map((node) => [node.name, targetsOf(node.transition)]));
  const optional = new Set<StepName>();
  for (const node of graph.steps) {
    if (node.transition.kind !== "switch") continue;
    const reached = targetsOf(node.transition).map((target) => reachableFrom([target], targets));
    for (const name of new Set(reached.flatMap((names) => [...names]))) {
      if (!reached.every((names) => names.has(name))) optional.add(name);
    }
  }
  return optional;
}

/** The steps themselves and everything after them. */
export function reachableFrom(from: Iterable<StepName>, targets: ReadonlyMap<StepName, readonly StepName[]>): Set<StepName> {
  const reached = new Set(from);
  for (const name of reached) for (const target of targets.get(name) ?? []) reached.add(target);
  return reached;
}
