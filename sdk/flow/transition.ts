// The value that `this.next(...)` gives and that a step returns: proof to the compiler that a step ends in a transition.

import { unreachable } from "../../proto/unreachable.ts";

declare const transition: unique symbol;

/** Returned by `this.next(...)`, and by every step except `end`. */
export type Transition = { readonly [transition]: true };

/** What a step returns, except `end`, which returns nothing. */
export type StepReturn = Transition | Promise<Transition>;

/** What `end` returns. */
export type EndReturn = void | Promise<void>;

/** A transition as the step asked for it; nothing is evaluated yet. */
export type RequestedTransition =
  | { readonly kind: "linear"; readonly to: StepMethod }
  | { readonly kind: "branch"; readonly to: readonly StepMethod[] }
  | { readonly kind: "foreach"; readonly to: StepMethod; readonly artifact: string }
  | { readonly kind: "switch"; readonly cases: Readonly<Record<string, StepMethod>>; readonly condition: string };

/** A method of the flow that was handed to `next`. */
export type StepMethod = (...args: never[]) => unknown;

/** `next` was not called as the flow language has it. */
export class TransitionError extends Error {
  override readonly name = "TransitionError";
}

/** @throws TransitionError */
export function parseTransition(args: readonly unknown[]): RequestedTransition {
  const [first, second] = args;
  if (args.length === 0) throw new TransitionError("this.next() needs the next step: write this.next(this.NAME)");
  if (args.every((arg) => typeof arg === "function")) {
    const methods = args as readonly StepMethod[];
    const [only] = methods;
    return only !== undefined && methods.length === 1 ? { kind: "linear", to: only } : { kind: "branch", to: methods };
  }
  if (args.length === 2 && isMethod(first) && isRecord(second) && typeof second["foreach"] === "string") {
    return { kind: "foreach", to: first, artifact: second["foreach"] };
  }
  if (args.length === 2 && isRecord(first) && isRecord(second) && typeof second["condition"] === "string") {
    return { kind: "switch", cases: parseCases(first), condition: second["condition"] };
  }
  throw new TransitionError(
    'this.next() takes steps (this.next(this.a, this.b)), a step and { foreach: "ARTIFACT" }, or cases and { condition: "ARTIFACT" }; ' +
      `it got ${args.map(describeArgument).join(", ")}`,
  );
}

/** The methods that a transition names, in order. */
export function methodsOf(requested: RequestedTransition): readonly StepMethod[] {
  switch (requested.kind) {
    case "linear":
    case "foreach":
      return [requested.to];
    case "branch":
      return requested.to;
    case "switch":
      return Object.values(requested.cases);
    default:
      return unreachable(requested);
  }
}

function parseCases(cases: Readonly<Record<string, unknown>>): Readonly<Record<string, StepMethod>> {
  const wrong = Object.entries(cases).find(([, method]) => !isMethod(method));
  if (wrong !== undefined) throw new TransitionError(`case "${wrong[0]}" of this.next() is no step: it is ${describeArgument(wrong[1])}`);
  return cases as Readonly<Record<string, StepMethod>>;
}

function isMethod(value: unknown): value is StepMethod {
  return typeof value === "function";
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function describeArgument(value: unknown): string {
  if (value === null || value === undefined) return `${value} (is it a step of this flow?)`;
  if (typeof value === "function") return `${value.name || "a function"}()`;
  return typeof value === "object" ? "an object" : JSON.stringify(value);
}
