// What `this.next`, `this.mergeArtifacts`, `this.input` and their like do while a step runs, and the transition that
// the step took in the end.

import { countOf, type Elements } from "../../proto/artifact.ts";
import { parseStepName, type StepName } from "../../proto/ids.ts";
import type { ForeachFrame, TakenTransition, TaskOrder } from "../../proto/order.ts";
import { unreachable } from "../../proto/unreachable.ts";
import { describeType } from "../artifact/codec.ts";
import { keepElements } from "../artifact/keep.ts";
import type { ArtifactStore } from "../artifact/store.ts";
import type { ForeachLevel, MergeOptions, RunningTask } from "../flow/task.ts";
import {
  methodsOf,
  parseTransition,
  type RequestedTransition,
  type StepMethod,
  type Transition,
  TransitionError,
} from "../flow/transition.ts";
import type { ArtifactReader } from "./artifact-reader.ts";
import type { FlowState } from "./flow-state.ts";
import { rowOf } from "./join-inputs.ts";
import { mergeable, MergeError } from "./merge.ts";

export type StepTaskInput = {
  readonly order: TaskOrder;
  readonly flow: object;
  readonly state: FlowState;
  readonly reader: ArtifactReader;
  readonly isStep: (name: string) => boolean;
};

export class StepTask implements RunningTask {
  readonly #input: StepTaskInput;
  #requested: RequestedTransition | null = null;
  /** What `next` gave; the step must return it. */
  #token: Transition | null = null;
  #wrong: TransitionError | null = null;
  #element: { readonly value: unknown } | null = null;

  constructor(input: StepTaskInput) {
    this.#input = input;
  }

  next(args: readonly unknown[]): Transition {
    const { step } = this.#input.order;
    try {
      if (step === "end") throw new TransitionError("end is the last step: remove its this.next()");
      if (this.#requested !== null) throw new TransitionError(`step ${step} called this.next() twice; call it once, as its last statement`);
      const requested = parseTransition(args);
      for (const method of methodsOf(requested)) this.#nameOf(method);
      this.#requested = requested;
    } catch (error) {
      // Remembered, since a step may swallow it.
      if (error instanceof TransitionError) this.#wrong ??= error;
      throw error;
    }
    // Nothing can be read from it: only its identity counts.
    this.#token = Object.freeze({}) as Transition;
    return this.#token;
  }

  mergeArtifacts(inputs: readonly unknown[], options: MergeOptions<PropertyKey>): void {
    const { order, state } = this.#input;
    if (order.inputs.kind !== "join") {
      throw new MergeError(`mergeArtifacts is for joins, and step ${order.step} is none: its artifacts are there already`);
    }
    const rows = inputs.map((input) => {
      const row = rowOf(input);
      if (row === null) throw new MergeError("mergeArtifacts takes the inputs of this join, or some of them: this.mergeArtifacts(inputs)");
      return row;
    });
    const taken = mergeable({
      base: order.inputs.base,
      rows,
      include: options.include?.map(String) ?? null,
      exclude: options.exclude?.map(String) ?? null,
      isSet: (name) => state.has(name),
    });
    for (const [name, ref] of Object.entries(taken)) state.merge(name, ref);
  }

  foreachStack(): readonly ForeachLevel[] {
    return this.#input.order.frames.map((frame) => ({
      step: frame.step,
      index: frame.index,
      count: frame.count,
      input: this.#input.reader.readElement(frame.element, this.#path()),
    }));
  }

  input(): unknown {
    this.#element ??= { value: this.#input.reader.readElement(this.#frame("input").element, this.#path()) };
    return this.#element.value;
  }

  index(): number {
    return this.#frame("index").index;
  }

  name(): string {
    return this.#input.order.flow;
  }

  /**
   * The transition that the step took, its foreach elements kept.
   * @throws TransitionError, RefusedArtifactError
   */
  async taken(returned: unknown, store: ArtifactStore): Promise<TakenTransition> {
    const { step } = this.#input.order;
    if (this.#wrong !== null) throw this.#wrong;
    if (step === "end") return { kind: "end" };
    if (this.#requested === null) {
      throw new TransitionError(`step ${step} ended without a transition; end every path through it with: return this.next(...)`);
    }
    if (returned !== this.#token) {
      throw new TransitionError(`step ${step} called this.next() but did not return what it gave; write: return this.next(...)`);
    }
    return this.#evaluate(this.#requested, store);
  }

  async #evaluate(requested: RequestedTransition, store: ArtifactStore): Promise<TakenTransition> {
    switch (requested.kind) {
      case "linear":
        return { kind: "linear", to: this.#nameOf(requested.to) };
      case "branch":
        return { kind: "branch", to: requested.to.map((method) => this.#nameOf(method)) };
      case "foreach":
        return { kind: "foreach", to: this.#nameOf(requested.to), elements: await this.#elementsOf(requested.artifact, store) };
      case "switch":
        return this.#caseOf(requested.condition, requested.cases);
      default:
        return unreachable(requested);
    }
  }

  async #elementsOf(artifact: string, store: ArtifactStore): Promise<Elements> {
    this.#refuseSecret(artifact, "a foreach keeps the elements of its list");
    const list: unknown = Reflect.get(this.#input.flow, artifact);
    if (!Array.isArray(list)) {
      throw new TransitionError(`step ${this.#input.order.step}: foreach needs an array, and this.${artifact} is ${whatInstead(list)}`);
    }
    const elements = await keepElements(list, store, artifact);
    if (countOf(elements) !== list.length) throw new Error(`kept ${countOf(elements)} of ${list.length} elements of ${artifact}`);
    return elements;
  }

  #caseOf(condition: string, cases: Readonly<Record<string, StepMethod>>): TakenTransition {
    this.#refuseSecret(condition, "a switch keeps the value that it looked at");
    const artifact: unknown = Reflect.get(this.#input.flow, condition);
    const place = `step ${this.#input.order.step}: the switch looks at this.${condition}`;
    if (typeof artifact !== "string" && typeof artifact !== "number" && typeof artifact !== "boolean") {
      throw new TransitionError(`${place}, which is ${artifact === undefined ? "not set" : "no string, number or boolean"}`);
    }
    const value = String(artifact);
    const method = Object.hasOwn(cases, value) ? cases[value] : undefined;
    if (method === undefined) {
      throw new TransitionError(`${place}, which is ${JSON.stringify(artifact)}; its cases are ${Object.keys(cases).join(", ")}`);
    }
    return { kind: "switch", value, to: this.#nameOf(method) };
  }

  /** What a transition keeps is in the ledger, where no secret may be. */
  #refuseSecret(name: string, why: string): void {
    const { step, secrets } = this.#input.order;
    if (!secrets.includes(name)) return;
    throw new TransitionError(`step ${step}: this.${name} is a secret parameter, and ${why}; set an artifact of another name for that`);
  }

  #nameOf(method: StepMethod): StepName {
    const { flow, order, isStep } = this.#input;
    const { name } = method;
    if (isStep(name) && Reflect.get(flow, name) === method) return parseStepName(name);
    throw new TransitionError(
      `step ${order.step}: this.next() got ${name === "" ? "a function" : `${name}()`}, which is no step of ${order.flow}`,
    );
  }

  #frame(member: string): ForeachFrame {
    const frame = this.#input.order.frames.at(-1);
    if (frame === undefined) throw new Error(`step ${this.#input.order.step} is in no foreach: it has no this.${member}`);
    return frame;
  }

  #path(): string {
    return `${this.#input.order.run}/${this.#input.order.task}`;
  }
}

/** A text is not repeated: a part of a secret would be none that can be recognised. */
function whatInstead(value: unknown): string {
  if (value === undefined) return "not set";
  if (value === null) return "null";
  if (typeof value === "string") return "a string";
  if (typeof value === "number" || typeof value === "bigint" || typeof value === "boolean") return `the ${typeof value} ${value}`;
  return `not an array: its type is ${describeType(value)}`;
}
