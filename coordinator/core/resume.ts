// What a resumed run takes over from the run it goes back to.
//
// R1. A task is taken over only if everything before it is: it succeeded, nothing that it depends on has changed, and each
//     task that it came from is taken over as well. In a foreach this is decided task by task.
// R2. What is after a step that runs again, runs again.
// R3. A task taken over names the run that executed it, however many resumed runs lie between.

import { countOf } from "../../proto/artifact.ts";
import type { ResumePlan, ResumeRequest, SubmitRequest } from "../../proto/control.ts";
import type { ReusedTask } from "../../proto/event.ts";
import { describeFailure } from "../../proto/failure.ts";
import { stepNode, targetsOf, type FlowGraph, type StepNode } from "../../proto/graph.ts";
import type { StepName } from "../../proto/ids.ts";
import { unreachable } from "../../proto/unreachable.ts";
import { collectedObjection } from "./collect.ts";
import { refused, type Refused } from "./decision.ts";
import { childrenOf } from "./children.ts";
import type { RunState, Task } from "./state.ts";
import { optionalSteps, reachableFrom } from "./total.ts";
import { agrees } from "./transition.ts";

export type PlannedResume = { readonly kind: "planned"; readonly plan: ResumePlan; readonly reused: readonly ReusedTask[] };

type Request = SubmitRequest & { readonly resume: ResumeRequest };

export function planResume(origin: RunState, request: Request): PlannedResume | Refused {
  const { graph, resume } = request;
  const { run } = origin.submitted;
  const { flow } = origin.submitted.graph;
  if (graph.flow !== flow) return refused("invalid", `${run} is a run of ${flow}; ${graph.flow} cannot resume it`);
  if (resume.from !== null && !graph.steps.some((node) => node.name === resume.from)) {
    const known = graph.steps.map((node) => node.name).join(", ");
    return refused("invalid", `${graph.flow} has no step ${resume.from} to start from; it has ${known}`);
  }
  const collected = collectedObjection(origin);
  if (collected !== null) return refused("conflict", collected);
  const survey = takeOver(origin, request);
  const reused = [...survey.taken].flatMap((task) => reusedTask(origin, task) ?? []);
  return { kind: "planned", plan: { origin: run, changedParameters: resume.changedParameters, steps: stepPlans(graph, survey) }, reused };
}

type Survey = {
  readonly taken: ReadonlySet<Task>;
  /** Why the first task of a step is not taken over. */
  readonly why: ReadonlyMap<StepName, string>;
};

/** Goes forward from the start through what can be taken over (R1); a join is reached when all its inputs were. */
function takeOver(origin: RunState, request: Request): Survey {
  const nodes = new Map(request.graph.steps.map((node) => [node.name, node]));
  const again = stepsAgain(request);
  const why = new Map(again);
  const taken = new Set<Task>();
  const arrived = new Map<Task, number>();
  const reached = origin.order.slice(0, 1);
  for (const task of reached) {
    const { name } = task.step.node;
    if (again.has(name)) continue;
    const objection = objectionTo(task, nodes.get(name), request);
    if (objection !== null) {
      if (!why.has(name)) why.set(name, objection);
      continue;
    }
    taken.add(task);
    for (const id of childrenOf(origin, task)) {
      const child = origin.tasks.get(id);
      if (child === undefined) continue;
      const inputs = inputsOf(child);
      const met = (arrived.get(child) ?? 0) + 1;
      arrived.set(child, met);
      if (met === inputs) reached.push(child);
    }
  }
  return { taken, why };
}

function inputsOf({ source }: Task): number {
  return source.kind === "split" ? Math.max(1, source.split.arrivals.length) : 1;
}

/** The steps that run again whatever became of their tasks, with the reason (R2). */
function stepsAgain({ graph, resume }: Request): Map<StepName, string> {
  const seeds = new Map<StepName, string>();
  if (resume.from !== null) seeds.set(resume.from, "asked to start from here");
  for (const step of resume.changedSteps) if (!seeds.has(step)) seeds.set(step, "its code has changed");
  for (const parameter of resume.changedParameters) {
    const readers = Object.hasOwn(resume.stepsReadingParameters, parameter) ? resume.stepsReadingParameters[parameter] : undefined;
    for (const step of readers ?? []) if (!seeds.has(step)) seeds.set(step, `it reads ${parameter}, which has changed`);
  }
  const targets = new Map(graph.steps.map((node) => [node.name, targetsOf(node.transition)]));
  const again = new Map(seeds);
  for (const seed of seeds.keys()) {
    for (const step of reachableFrom([seed], targets)) if (!again.has(step)) again.set(step, `it comes after ${seed}`);
  }
  return again;
}

function objectionTo({ id, state }: Task, node: StepNode | undefined, request: Request): string | null {
  switch (state.kind) {
    case "succeeded": {
      if (state.caught !== null && request.resume.rerunCaught) return `${id} failed and was caught`;
      if (node === undefined || !agrees(node.transition, state.taken)) return "its transition has changed";
      const tooWide = state.taken.kind === "foreach" && countOf(state.taken.elements) > request.options.splitsMax;
      return tooWide ? `${id} has more elements than --max-splits ${request.options.splitsMax} allows` : null;
    }
    case "failed":
      return `${id} failed: ${describeFailure(state.failure)}`;
    case "cancelled":
      return `${id} was cancelled by ${state.by}`;
    case "waiting":
    case "ready":
    case "running":
    case "backoff":
      return `${id} had not ended`;
    default:
      return unreachable(state);
  }
}

function reusedTask(origin: RunState, { id, state }: Task): ReusedTask | null {
  if (state.kind !== "succeeded") return null;
  const { attempt, taken, produced, caught, reusedFrom } = state;
  return { task: id, origin: reusedFrom ?? origin.submitted.run, attempt, taken, artifacts: produced, caught };
}

function stepPlans(graph: FlowGraph, { taken, why }: Survey): ResumePlan["steps"] {
  const reuse = new Map<StepName, number>();
  const elements = new Map<StepName, number>();
  for (const { step, state } of taken) {
    const { name } = step.node;
    reuse.set(name, (reuse.get(name) ?? 0) + 1);
    if (state.kind === "succeeded" && state.taken.kind === "foreach") {
      elements.set(name, (elements.get(name) ?? 0) + countOf(state.taken.elements));
    }
  }
  const known = { graph, reuse, elements, optional: optionalSteps(graph) };
  return graph.steps.map((node) => {
    const reused = reuse.get(node.name) ?? 0;
    const places = placesOf(node, known);
    const run = places === null || (known.optional.has(node.name) && reused < places) ? null : places - reused;
    const reason = run === 0 ? null : (why.get(node.name) ?? (known.optional.has(node.name) ? null : "something before it runs again"));
    return { step: node.name, reuse: reused, run, why: reason };
  });
}

type Known = {
  readonly graph: FlowGraph;
  readonly reuse: ReadonlyMap<StepName, number>;
  readonly elements: ReadonlyMap<StepName, number>;
};

/** How many tasks the step will have; null where a foreach around it runs again, so that its width is not known. */
function placesOf(node: StepNode, known: Known): number | null {
  const around = node.within.at(-1);
  if (around === undefined) return 1;
  const opener = stepNode(known.graph, around);
  const openers = placesOf(opener, known);
  if (opener.transition.kind !== "foreach" || openers === null) return openers;
  return known.reuse.get(around) === openers ? (known.elements.get(around) ?? 0) : openers === 0 ? 0 : null;
}
