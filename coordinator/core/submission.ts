// Whether a run may be submitted. Graphs come checked from the author's side; this is the coordinator's own guard: what it
// accepts here, the fold can follow to the end, so that no history can be written that nobody can read again.
//
// B1. Every target exists, nothing goes in a circle, and every split has one join, which sits where the split does.
// B2. Two branches meet in their join and nowhere before, so that no task comes into being twice.

import type { SubmitRequest } from "../../proto/control.ts";
import { priorityMax, tagsMax } from "../../proto/event.ts";
import { targetsOf, type FlowGraph, type StepNode } from "../../proto/graph.ts";
import type { StepName } from "../../proto/ids.ts";
import { objectionToTag } from "./tags.ts";

/** What is wrong with the request, for its sender; null where the run may begin. */
export function objectionToSubmission({
  graph,
  tags,
  systemTags,
  options,
}: Pick<SubmitRequest, "graph" | "tags" | "systemTags" | "options">): string | null {
  if (options.workersMax < 1) return `a run needs at least 1 slot, and --max-workers is ${options.workersMax}`;
  const { priority = 0 } = options;
  if (!Number.isInteger(priority) || Math.abs(priority) > priorityMax)
    return `a priority is a whole number from -${priorityMax} to ${priorityMax}, not ${priority}`;
  const unique = new Set(tags);
  if (unique.size > tagsMax) return `a run may have ${tagsMax} tags, and these are ${unique.size}`;
  if (systemTags.length > tagsMax) return `a run may have ${tagsMax} system tags, and these are ${systemTags.length}`;
  for (const tag of [...unique, ...systemTags]) {
    const objection = objectionToTag(tag);
    if (objection !== null) return objection;
  }
  const objection = objectionToGraph(graph);
  return objection === null ? null : `the graph of ${graph.flow} cannot be run: ${objection}`;
}

type Nodes = ReadonlyMap<StepName, StepNode>;

function objectionToGraph(graph: FlowGraph): string | null {
  const nodes: Nodes = new Map(graph.steps.map((node) => [node.name, node]));
  if (nodes.size < graph.steps.length) return "two of its steps have the same name";
  const start = graph.steps.find((node) => node.name === "start");
  if (start === undefined) return "it has no step start";
  if (start.joins !== null || start.within.length > 0) return "start cannot join or sit inside a split";
  for (const node of graph.steps) {
    const objection = objectionToStep(node, nodes);
    if (objection !== null) return `step ${node.name} ${objection}`;
  }
  const circle = graph.steps.find((node) => reachable(targetsOf(node.transition), nodes, null).has(node.name));
  return circle === undefined ? null : `step ${circle.name} leads back to itself`;
}

function objectionToStep(node: StepNode, nodes: Nodes): string | null {
  const { transition, name } = node;
  const isSplit = transition.kind === "foreach" || transition.kind === "branch";
  const inside = isSplit ? [...node.within, name] : node.within;
  if (transition.kind === "end" && inside.length > 0) return `ends the run inside the split of ${inside.at(-1)}`;
  for (const name of targetsOf(transition)) {
    const target = nodes.get(name);
    if (target === undefined) return `goes to ${name}, which is no step`;
    const around = target.joins === null ? inside : inside.slice(0, -1);
    if (target.joins !== null && target.joins !== inside.at(-1))
      return `goes to ${name}, which joins ${target.joins} and not ${inside.at(-1) ?? "it"}`;
    if (target.within.join() !== around.join()) return `goes to ${name}, which is not within the same splits`;
  }
  if (!isSplit) return null;
  const closers = [...nodes.values()].filter((other) => other.joins === name);
  if (closers.length !== 1) return `splits, and ${closers.length} steps join it instead of 1`;
  return transition.kind === "branch" ? objectionToArms(transition.to, nodes, closers[0]?.name ?? null) : null;
}

function objectionToArms(arms: readonly StepName[], nodes: Nodes, closer: StepName | null): string | null {
  if (arms.length === 0) return "splits into no branch";
  const seen = new Set<StepName>();
  for (const arm of arms) {
    const own = reachable([arm], nodes, closer);
    for (const name of own) if (seen.has(name)) return `has two branches that meet in ${name} before they are joined`;
    for (const name of own) seen.add(name);
  }
  return null;
}

/** The steps and all that follows them, as far as `until`. */
function reachable(from: readonly StepName[], nodes: Nodes, until: StepName | null): Set<StepName> {
  const reached = new Set(from.filter((name) => name !== until));
  for (const name of reached) {
    const node = nodes.get(name);
    for (const target of node === undefined ? [] : targetsOf(node.transition)) if (target !== until) reached.add(target);
  }
  return reached;
}
