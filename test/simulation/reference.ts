// A trivial interpreter of a flow's blocks: what every task of a run must come to, computed without any of the core.

import type { Artifacts } from "../../proto/artifact.ts";
import type { Failure, FailureKind } from "../../proto/failure.ts";
import { taskIdOf, type StepName, type TaskId } from "../../proto/ids.ts";
import { unreachable } from "../../proto/unreachable.ts";
import {
  caseOf,
  digestOf,
  elementsOf,
  failuresOf,
  producedBeforeFailure,
  producedByJoin,
  producedByStep,
  type Place,
  type Script,
} from "./behaviour.ts";
import type { Block, Blocks, RandomFlow } from "./graph.ts";

export type Fate =
  | { readonly kind: "ok" }
  | { readonly kind: "caught"; readonly failure: Failure; readonly artifacts: Artifacts }
  | { readonly kind: "failed" };

/** What becomes of a task's attempts: by the script where nothing interfered, or as it happened. */
export type FateOf = (place: Place, width: number) => Fate;

export type Expected = { readonly status: "succeeded" | "failed"; readonly digest: string };

/** Every task that the run comes to, by name; a task that lacks an input is absent. */
export function interpret(flow: RandomFlow, script: Script, fateOf: FateOf): ReadonlyMap<TaskId, Expected> {
  const interpreter = new Interpreter(flow, script, fateOf);
  interpreter.run(flow.blocks, {}, { indexes: [], elements: [] });
  return interpreter.tasks;
}

type Around = { readonly indexes: readonly number[]; readonly elements: readonly string[] };

class Interpreter {
  readonly tasks = new Map<TaskId, Expected>();
  readonly #flow: RandomFlow;
  readonly #script: Script;
  readonly #fateOf: FateOf;

  constructor(flow: RandomFlow, script: Script, fateOf: FateOf) {
    this.#flow = flow;
    this.#script = script;
    this.#fateOf = fateOf;
  }

  /** What is visible after the blocks; null where they don't come to their end. */
  run(blocks: Blocks, visible: Artifacts, around: Around): Artifacts | null {
    let seen: Artifacts | null = visible;
    for (const block of blocks) seen = seen === null ? null : this.#block(block, seen, around);
    return seen;
  }

  #block(block: Block, visible: Artifacts, around: Around): Artifacts | null {
    const task = taskIdOf(block.name, around.indexes);
    const elements = block.kind === "foreach" ? elementsOf(this.#script, task) : [];
    const after = this.#task(block.name, { around, sees: visible, width: elements.length }, (place) =>
      producedByStep(this.#script, place, visible),
    );
    if (after === null) return null;
    switch (block.kind) {
      case "step":
        return after;
      case "switch":
        return this.run(block.arms[caseOf(this.#script, task, block.arms.length)] ?? [], after, around);
      case "branch":
        return this.#join(block.join, { around, before: after, arrivals: block.arms.map((arm) => this.run(arm, after, around)) });
      case "foreach": {
        const inside = elements.map((element, i) => ({ indexes: [...around.indexes, i], elements: [...around.elements, element] }));
        return this.#join(block.join, { around, before: after, arrivals: inside.map((each) => this.run(block.body, after, each)) });
      }
      default:
        return unreachable(block);
    }
  }

  #join(name: StepName, at: { around: Around; before: Artifacts; arrivals: (Artifacts | null)[] }): Artifacts | null {
    const inputs = at.arrivals.filter((arrival) => arrival !== null);
    if (inputs.length < at.arrivals.length) return null;
    const sees = inputs.length === 0 ? at.before : {};
    return this.#task(name, { around: at.around, sees, width: 0 }, (place) => producedByJoin(this.#script, place, inputs));
  }

  #task(step: StepName, at: { around: Around; sees: Artifacts; width: number }, produce: (place: Place) => Artifacts): Artifacts | null {
    const task = taskIdOf(step, at.around.indexes);
    const place: Place = { step, task, elements: at.around.elements };
    const fate = this.#fateOf(place, at.width);
    if (fate.kind === "failed") {
      this.tasks.set(task, { status: "failed", digest: "" });
      return null;
    }
    const after = { ...at.sees, ...(fate.kind === "ok" ? produce(place) : this.#caught(place, fate)) };
    this.tasks.set(task, { status: "succeeded", digest: digestOf(after) });
    return after;
  }

  #caught({ step, task }: Place, { failure, artifacts }: Extract<Fate, { kind: "caught" }>): Artifacts {
    const name = this.#flow.policies.get(step)?.catch?.var ?? null;
    return name === null ? artifacts : { ...artifacts, [name]: { kind: "caught", task, attempt: 0, failure } };
  }
}

const neverRetried: readonly FailureKind[] = ["refusedArtifact", "badTransition"];

/** The fate by the script, by `@retry` and by `@catchError`: in words of its own, not those of the core. */
export function scriptedFate(flow: RandomFlow, script: Script, splitsMax: number): FateOf {
  return (place, width) => {
    const scripted = failuresOf(script, place.task);
    if (scripted === null) return width > splitsMax ? { kind: "failed" } : { kind: "ok" };
    const policy = flow.policies.get(place.step);
    const { failure } = scripted;
    const retry = policy?.retry ?? null;
    const isRetried = retry !== null && !neverRetried.includes(failure.kind) && (retry.on === null || retry.on.includes(failure.kind));
    if (scripted.times <= (isRetried ? retry.times : 0)) return width > splitsMax ? { kind: "failed" } : { kind: "ok" };
    if (failure.kind === "badTransition" || policy?.catch === null) return { kind: "failed" };
    return { kind: "caught", failure, artifacts: producedBeforeFailure(place) };
  };
}
