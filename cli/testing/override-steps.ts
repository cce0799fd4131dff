// A flow class some of whose steps have other bodies.

import { type FlowGraph, type StepNode, stepNode } from "../../proto/graph.ts";
import { parseStepName } from "../../proto/ids.ts";
import { unreachable } from "../../proto/unreachable.ts";
import type { FlowClass, FlowSpec } from "../../sdk/flow/flow-spec.ts";
import { nearest } from "../../sdk/flow/nearest.ts";

type StepBody<F, M> = M extends (...given: infer A) => unknown ? (this: F, ...given: A) => unknown : never;

/** By the name of the step. `this` is the flow: read and assign artifacts as a step does. */
export type StepOverrides<F> = {
  readonly [K in Exclude<keyof F, keyof FlowSpec> as F[K] extends (...given: never) => unknown ? K : never]?: StepBody<F, F[K]>;
};

type AnyBody = (this: object, ...given: unknown[]) => unknown;

/** @throws Error naming the steps that there are */
export function overrideSteps(flowClass: FlowClass, graph: FlowGraph, overrides: Readonly<Record<string, unknown>>): FlowClass {
  const bodies = Object.entries(overrides);
  if (bodies.length === 0) return flowClass;
  const Base: FlowClass = flowClass;
  const overridden = { [flowClass.name]: class extends Base {} }[flowClass.name] ?? Base;
  for (const [name, body] of bodies) {
    if (!graph.steps.some((step) => step.name === name)) {
      const names = graph.steps.map((step) => step.name);
      const close = nearest(name, names);
      const hint = close === null ? `it has ${names.join(", ")}` : `did you mean "${close}"?`;
      throw new Error(`${graph.flow} has no step "${name}" to override; ${hint}`);
    }
    if (typeof body !== "function") throw new TypeError(`the override of step "${name}" is no function`);
    // A function under a step's name; what it takes and gives is checked by the step's own type.
    define(overridden, stepNode(graph, parseStepName(name)), body as AnyBody);
  }
  return overridden;
}

function define(flowClass: FlowClass, node: StepNode, body: AnyBody): void {
  Object.defineProperty(flowClass.prototype, node.name, {
    configurable: true,
    value: {
      async [node.name](this: FlowSpec, ...given: unknown[]): Promise<unknown> {
        const returned: unknown = await body.apply(this, given);
        return returned ?? transition(this, node);
      },
    }[node.name],
  });
}

/** What the step's own tail would have returned. */
function transition(flow: FlowSpec, node: StepNode): unknown {
  const target = (name: string): unknown => Reflect.get(flow, name);
  const next = (...given: readonly unknown[]): unknown => Reflect.apply(flow.next, flow, given);
  const taken = node.transition;
  switch (taken.kind) {
    case "end":
      return undefined;
    case "linear":
      return next(target(taken.to));
    case "branch":
      return next(...taken.to.map(target));
    case "foreach":
      return next(target(taken.to), { foreach: taken.artifact });
    case "switch":
      return next(Object.fromEntries(Object.entries(taken.cases).map(([name, to]) => [name, target(to)])), { condition: taken.condition });
    default:
      return unreachable(taken);
  }
}
