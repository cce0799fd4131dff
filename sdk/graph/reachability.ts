// Whether the steps of a flow make one acyclic whole, from start to end.

import type { StepName } from "../../proto/ids.ts";
import { edgesOf } from "./sketch.ts";
import type { SketchedStep, StepObjection } from "./sketch.ts";

type Reach = {
  /** The steps that can be reached, each after all that lead to it; empty where there is a loop. */
  readonly order: readonly SketchedStep[];
  readonly objections: readonly StepObjection[];
};

/** Every target of a transition is a step of `steps`. */
export function reach(steps: readonly SketchedStep[]): Reach {
  const byName = new Map(steps.map((step) => [step.name, step]));
  const backToStart = steps.flatMap((step) => edgesOf(step)).find((edge) => edge.to === "start");
  if (backToStart !== undefined) {
    const { from } = backToStart;
    const message = `"${from.name}" leads back to start`;
    const hint = "a flow runs forwards only; put the work that repeats into a foreach or into a loop inside a step";
    return { order: [], objections: [{ step: from.name, at: from.transitionAt, code: "SW1012", message, hint }] };
  }
  const search = new Search(byName);
  const start = steps.find((step) => step.name === "start");
  if (start !== undefined) search.visit(start);
  // A loop that nothing leads to is still a loop, and no better when it is reported as unreachable.
  for (const step of steps) if (!search.done.has(step.name)) search.visitApart(step);
  if (search.loop !== null) return { order: [], objections: [search.loop] };
  const order = search.finished.toReversed();
  const reached = new Set(order.map((step) => step.name));
  const unreached = steps.filter((step) => !reached.has(step.name));
  return { order, objections: start === undefined ? [] : unreached.map(unreachableStep) };
}

function unreachableStep(step: SketchedStep): StepObjection {
  const message = `step "${step.name}" is not reachable from "start"`;
  return { step: step.name, at: 0, code: "SW1007", message, hint: `lead to it with this.next(this.${step.name}), or take the step out` };
}

/** Depth first; what is on the path when it is met again closes a loop. */
class Search {
  readonly done = new Set<StepName>();
  readonly finished: SketchedStep[] = [];
  loop: StepObjection | null = null;
  readonly #byName: ReadonlyMap<StepName, SketchedStep>;
  readonly #path: StepName[] = [];

  constructor(byName: ReadonlyMap<StepName, SketchedStep>) {
    this.#byName = byName;
  }

  visit(step: SketchedStep): void {
    this.done.add(step.name);
    this.#path.push(step.name);
    for (const { to } of edgesOf(step).toReversed()) {
      const target = this.#byName.get(to);
      if (this.#path.includes(to)) this.loop ??= loopThrough(step, [...this.#path.slice(this.#path.indexOf(to)), to]);
      else if (target !== undefined && !this.done.has(to)) this.visit(target);
    }
    this.#path.pop();
    this.finished.push(step);
  }

  /** Looks for loops only. */
  visitApart(step: SketchedStep): void {
    const before = this.finished.length;
    this.visit(step);
    this.finished.length = before;
  }
}

function loopThrough(last: SketchedStep, path: readonly string[]): StepObjection {
  const message = `there is a loop in the flow: ${path.join(" -> ")}`;
  const hint = "a flow runs forwards only; put the work that repeats into a foreach or into a loop inside a step";
  return { step: last.name, at: last.transitionAt, code: "SW1011", message, hint };
}
