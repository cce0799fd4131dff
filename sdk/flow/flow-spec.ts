// The class that every flow extends: transitions, joins, and a step's place in the foreach around it.
//
// The types are the first check of a flow. Two things about them are on purpose: a foreach and a switch find their
// artifact through the `this` parameter, since filtered key types stay unresolved inside a class body; and the most
// specific overload comes last, since the compiler explains only the last one.

import type { EndReturn, StepReturn, Transition } from "./transition.ts";
import { type ForeachLevel, type MergeOptions, taskOf } from "./task.ts";

/** A finished branch as a join sees it: the artifacts are read-only. */
type Input<F> = Readonly<F>;

/**
 * What a join receives, in the order of the foreach or of the arguments of `next`. The inputs of a static branch are
 * also there by the name of the branch's first step: `inputs.left`.
 */
export type Inputs<F> = readonly Input<F>[] & { readonly [K in keyof F]: F[K] extends (...args: never) => unknown ? Input<F> : never };

/** A step that takes nothing; `end` is one that returns nothing. */
type Target = () => StepReturn | EndReturn;

type Foreach = { readonly foreach: string };
type Condition = { readonly condition: string };

/** What the flow must have for the second argument of `next`. */
type Needs<S> = S extends { readonly foreach: infer K extends string }
  ? Readonly<Record<K, readonly unknown[]>>
  : S extends { readonly condition: infer C extends string }
    ? Readonly<Record<C, string | number | boolean>>
    : unknown;

/** What the first argument of `next` must be, given the second. */
type First<F, S> = S extends { readonly foreach: infer K extends string }
  ? (input: (F & Readonly<Record<K, readonly unknown[]>>)[K][number]) => StepReturn | EndReturn
  : S extends { readonly condition: string }
    ? Readonly<Record<string, Target>>
    : Target;

export abstract class FlowSpec {
  /** The element of the innermost foreach around this step. A flow may say its type: `declare readonly input: Fold`. */
  declare readonly input: unknown;
  /** Position of that element, counted from 0. */
  declare readonly index: number;
  /** The flow's name. */
  declare readonly name: string;

  /** Goes on with one step. */
  next(step: Target): Transition;
  /** Goes on with the join, which receives the finished branches. */
  next<F extends FlowSpec>(this: F, join: (inputs: Inputs<F>) => StepReturn): Transition;
  /**
   * Goes on with several steps at once, `this.next(this.a, this.b)`, which a join must collect; or with one task of a
   * step for each element of an array artifact, `this.next(this.train, { foreach: "sets" })`; or with the one step whose
   * case equals an artifact, `this.next({ big: this.a, small: this.b }, { condition: "size" })`.
   */
  next<F extends FlowSpec, const S extends Target | Foreach | Condition>(
    this: F & Needs<S>,
    first: First<F, S>,
    ...rest: readonly [second: S, ...more: S extends Target ? Target[] : []]
  ): Transition;
  next(this: unknown, ...args: unknown[]): Transition {
    return taskOf(this, "next").next(args);
  }

  /**
   * In a join: takes over every artifact that this step has not set itself and on whose value all inputs that have it
   * agree. Where they disagree it throws and takes over nothing; set such artifacts first, or exclude them.
   */
  mergeArtifacts(inputs: readonly Readonly<FlowSpec>[], options?: MergeOptions<keyof this>): void {
    taskOf(this, "mergeArtifacts").mergeArtifacts(inputs, options ?? {});
  }

  /** The foreach levels around this step, outermost first. */
  foreachStack(): readonly ForeachLevel[] {
    return taskOf(this, "foreachStack").foreachStack();
  }
}

/** A flow that can be run. */
export type FlowClass<F extends FlowSpec = FlowSpec> = new () => F;

// Accessors, not fields: a field would be an own property of every flow. The setters give the reason that the engine's
// own message ("has only a getter") leaves out.
for (const name of ["input", "index", "name"] as const) {
  Object.defineProperty(FlowSpec.prototype, name, {
    get(this: unknown) {
      return taskOf(this, name)[name]();
    },
    set() {
      throw new TypeError(`this.${name} cannot be assigned: "${name}" is reserved; choose another name for the artifact`);
    },
    configurable: false,
  });
}
for (const name of ["next", "mergeArtifacts", "foreachStack"] as const) {
  const method = FlowSpec.prototype[name];
  Object.defineProperty(FlowSpec.prototype, name, {
    get: () => method,
    set() {
      throw new TypeError(`this.${name} cannot be assigned: "${name}" is reserved; choose another name for the artifact`);
    },
    configurable: false,
  });
}
