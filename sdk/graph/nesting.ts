// How splits nest: for each step the splits that are open around it, for each join the split that it collects.
//
// Invariants of a graph that passes, on which the counting of arrivals at a join rests:
// N1. All ways to a step have the same splits open, and inside the same branch of each.
// N2. A split has exactly one join, and every way from it comes to that join, or fails.
// N3. So a join receives exactly one arrival for each element of its foreach or each branch of its split: a task that
//     arrives has the split innermost around it, and of steps that share a branch a switch lets only one through.

import type { StepName } from "../../proto/ids.ts";
import type { Edge, SketchedStep, StepObjection } from "./sketch.ts";
import { edgesOf, listed } from "./sketch.ts";

export type Nesting = {
  readonly within: ReadonlyMap<StepName, readonly StepName[]>;
  readonly joins: ReadonlyMap<StepName, StepName>;
  readonly objections: readonly StepObjection[];
};

/** An open split; `branch` is the first step of the branch, null in a foreach. */
type Level = { readonly split: StepName; readonly branch: StepName | null };
type Depth = readonly Level[];
/** A way into a step, with the splits that are open when it is taken. */
type Arrival = { readonly edge: Edge; readonly depth: Depth };

/** `order` holds all steps, each after all that lead to it. */
export function nest(order: readonly SketchedStep[]): Nesting {
  const objections: StepObjection[] = [];
  const depths = new Map<StepName, Depth>();
  const joins = new Map<StepName, StepName>();
  const arrivals = new Map<StepName, Arrival[]>(order.map((step) => [step.name, []]));
  for (const step of order) {
    const placed = step.name === "start" ? { depth: [] } : placeStep(step, arrivals.get(step.name) ?? []);
    if ("objection" in placed) {
      // What follows depends on where the step stands; it is judged again when this is right.
      objections.push(placed.objection);
      continue;
    }
    if (placed.joins !== undefined) joins.set(step.name, placed.joins);
    depths.set(step.name, placed.depth);
    for (const edge of edgesOf(step)) arrivals.get(edge.to)?.push({ edge, depth: depthAfter(edge, placed.depth) });
  }
  if (objections.length === 0) objections.push(...splitsWithSeveralJoins(order, joins, arrivals));
  const within = new Map(Array.from(depths, ([step, depth]) => [step, depth.map((level) => level.split)]));
  return { within, joins, objections };
}

type Placed = { readonly depth: Depth; readonly joins?: StepName } | { readonly objection: StepObjection };

function depthAfter(edge: Edge, depth: Depth): Depth {
  if (edge.kind === "foreach") return [...depth, { split: edge.from.name, branch: null }];
  if (edge.kind === "branch") return [...depth, { split: edge.from.name, branch: edge.to }];
  return depth;
}

function placeStep(step: SketchedStep, arrivals: readonly Arrival[]): Placed {
  const fromForeach = arrivals.find((arrival) => arrival.edge.kind === "foreach");
  const others = arrivals.filter((arrival) => arrival.edge.kind !== "foreach");
  if (fromForeach !== undefined) {
    if (step.takesInputs) return { objection: foreachIntoJoin(step, fromForeach.edge) };
    const [other] = others;
    if (other !== undefined && step.takesArgument) return { objection: elementOnSomeWays(step, fromForeach.edge, other.edge) };
    return placePlain(step, arrivals);
  }
  return step.takesArgument ? placeJoin(step, arrivals) : placePlain(step, arrivals);
}

function placePlain(step: SketchedStep, arrivals: readonly Arrival[]): Placed {
  const [first, ...rest] = arrivals;
  if (first === undefined) return { depth: [] };
  const other = rest.find((arrival) => !sameDepth(arrival.depth, first.depth));
  if (other !== undefined) return { objection: unlikeWays(step, first, other) };
  const open = first.depth.at(-1);
  if (step.name === "end" && open !== undefined) return { objection: unjoined(first.edge, open) };
  return { depth: first.depth };
}

function placeJoin(step: SketchedStep, arrivals: readonly Arrival[]): Placed {
  const [first, ...rest] = arrivals;
  if (first === undefined) return { depth: [] };
  const tooDirect = arrivals.find((arrival) => arrival.edge.kind !== "linear");
  if (tooDirect !== undefined) return { objection: straightIntoJoin(step, tooDirect.edge) };
  const bare = arrivals.find((arrival) => arrival.depth.length === 0);
  if (bare !== undefined) return { objection: joinWithoutSplit(step, bare.edge) };
  const split = first.depth.at(-1)?.split;
  // Where the innermost split is the same, so are those around it: N1 holds for the step that splits.
  const other = rest.find((arrival) => arrival.depth.at(-1)?.split !== split);
  if (split === undefined || other !== undefined) return { objection: unrelatedSplits(step, first, other ?? first) };
  return { depth: first.depth.slice(0, -1), joins: split };
}

function sameDepth(a: Depth, b: Depth): boolean {
  return a.length === b.length && a.every((level, i) => level.split === b[i]?.split && level.branch === b[i]?.branch);
}

type Arrivals = ReadonlyMap<StepName, readonly Arrival[]>;

function splitsWithSeveralJoins(
  order: readonly SketchedStep[],
  joins: ReadonlyMap<StepName, StepName>,
  arrivals: Arrivals,
): StepObjection[] {
  return order.flatMap(({ name: split, transition }) => {
    const collecting = Array.from(joins).flatMap(([join, joined]) => (joined === split ? [join] : []));
    if (collecting.length < 2) return [];
    const branches = transition?.kind === "branch" ? transition.to : [];
    for (const join of collecting) {
      const arrived = branches.filter((branch) => arrivals.get(join)?.some(({ depth }) => depth.at(-1)?.branch === branch));
      if (arrived.length < branches.length) return [partialJoin(join, { split, branches, arrived })];
    }
    const message = `the split of "${split}" is joined by ${listed(collecting)}`;
    const hint = "let all ways come to one join: only then it is known how many arrive";
    return [{ step: collecting[1] ?? split, at: 0, code: "SW1021", message, hint } as const];
  });
}

type PartialJoin = { readonly split: StepName; readonly branches: readonly StepName[]; readonly arrived: readonly StepName[] };

function partialJoin(join: StepName, { split, branches, arrived }: PartialJoin): StepObjection {
  const missing = branches.filter((branch) => !arrived.includes(branch));
  const message = `join "${join}" collects ${listed(arrived)} of the split of "${split}", but not ${listed(missing)}`;
  return { step: join, at: 0, code: "SW1019", message, hint: `let all branches of "${split}" come to one join` };
}

function at(edge: Edge): { readonly step: StepName; readonly at: number } {
  return { step: edge.from.name, at: edge.from.transitionAt };
}

function foreachIntoJoin(step: SketchedStep, edge: Edge): StepObjection {
  const message = `the foreach of "${edge.from.name}" goes straight into join "${step.name}"`;
  return { ...at(edge), code: "SW1022", message, hint: "put a step in between: it runs once for each element" };
}

function elementOnSomeWays(step: SketchedStep, foreach: Edge, other: Edge): StepObjection {
  const message = `"${step.name}" takes an element of the foreach of "${foreach.from.name}", but "${other.from.name}" leads to it without one`;
  return { ...at(other), code: "SW1028", message, hint: "make two steps that call one method" };
}

function straightIntoJoin(step: SketchedStep, edge: Edge): StepObjection {
  const what = edge.kind === "branch" ? "a branch" : "a case";
  const message = `${what} of "${edge.from.name}" goes straight into join "${step.name}"`;
  const hint = `put a step in between, which goes on with this.next(this.${step.name})`;
  return { ...at(edge), code: edge.kind === "branch" ? "SW1023" : "SW1024", message, hint };
}

function joinWithoutSplit(step: SketchedStep, edge: Edge): StepObjection {
  const message = `"${step.name}" takes an argument, so it is a join, but no split is open when "${edge.from.name}" leads to it`;
  return { ...at(edge), code: "SW1018", message, hint: `take the argument out of "${step.name}", or lead to it by a foreach` };
}

function unrelatedSplits(step: SketchedStep, a: Arrival, b: Arrival): StepObjection {
  const message =
    `join "${step.name}" collects branches of unrelated splits: "${a.edge.from.name}" comes from ${describe(a.depth)}, ` +
    `"${b.edge.from.name}" from ${describe(b.depth)}`;
  return { step: step.name, at: 0, code: "SW1020", message, hint: "join each split by a step of its own, the inner one first" };
}

function unlikeWays(step: SketchedStep, a: Arrival, b: Arrival): StepObjection {
  const differ = a.depth.findIndex((level, i) => level.split !== b.depth[i]?.split || level.branch !== b.depth[i]?.branch);
  const [inA, inB] = [a.depth[differ], b.depth[differ]];
  if (inA !== undefined && inA.split === inB?.split) {
    const message = `step "${step.name}" is reached by the branches "${inA.branch}" and "${inB.branch}" of "${inA.split}", but is no join`;
    const hint = `let it take the branches: ${step.name}(inputs: Inputs<this>)`;
    if (step.name !== "end") return { step: step.name, at: 0, code: "SW1026", message, hint };
    return unjoined(a.edge, inA);
  }
  const message =
    `step "${step.name}" is reached from ${describe(a.depth)} by "${a.edge.from.name}", ` +
    `and from ${describe(b.depth)} by "${b.edge.from.name}"`;
  const hint = "join the split before, so that the step is reached at one depth only";
  return { step: step.name, at: 0, code: "SW1027", message, hint };
}

function unjoined(edge: Edge, open: Level): StepObjection {
  const what = open.branch === null ? "foreach" : "split";
  const message = `"${edge.from.name}" leads to end, but the ${what} of "${open.split}" is not joined`;
  const hint = "add a join before end: join(inputs: Inputs<this>) { …; return this.next(this.end); }";
  return { ...at(edge), code: "SW1017", message, hint };
}

function describe(depth: Depth): string {
  const open = depth.at(-1);
  if (open === undefined) return "outside of any split";
  return open.branch === null ? `the foreach of "${open.split}"` : `branch "${open.branch}" of "${open.split}"`;
}
