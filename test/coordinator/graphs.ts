// Graphs, submissions and outcomes for tests of the coordinator, which never sees a flow's code.

import type { Elements } from "../../proto/artifact.ts";
import type { SubmitRequest } from "../../proto/control.ts";
import { defaultRunOptions, type RunOptions } from "../../proto/event.ts";
import { defaultPolicy, stepNode, type FlowGraph, type StepNode, type StepPolicy, type Transition } from "../../proto/graph.ts";
import { parseFlowName, parseSha256, parseStepName, type StepName } from "../../proto/ids.ts";
import { unreachable } from "../../proto/unreachable.ts";
import type { TakenTransition, TaskOrder, TaskOutcome } from "../../proto/order.ts";

export const step = (name: string): StepName => parseStepName(name);

type NodeOptions = { readonly joins?: string; readonly within?: readonly string[]; readonly policy?: Partial<StepPolicy> };

export function node(name: string, transition: Transition, options: NodeOptions = {}): StepNode {
  return {
    name: step(name),
    doc: "",
    line: 1,
    file: "flow.ts",
    transition,
    joins: options.joins === undefined ? null : step(options.joins),
    within: (options.within ?? []).map(step),
    policy: { ...defaultPolicy, ...options.policy },
  };
}

export function graphOf(flow: string, steps: readonly StepNode[]): FlowGraph {
  return { flow: parseFlowName(flow), file: "flow.ts", doc: "", steps, parameters: [] };
}

export function linear(names: readonly string[], policies: Readonly<Record<string, Partial<StepPolicy>>> = {}): FlowGraph {
  const steps = names.map((name, at) => {
    const next = names[at + 1];
    const policy = policies[name] ?? {};
    return node(name, next === undefined ? { kind: "end" } : { kind: "linear", to: step(next) }, { policy });
  });
  return graphOf("Linear", steps);
}

/** start, a foreach over `work`, join, end. */
export function foreach(policy: Partial<StepPolicy> = {}): FlowGraph {
  return graphOf("Fan", [
    node("start", { kind: "foreach", to: step("work"), artifact: "items" }),
    node("work", { kind: "linear", to: step("join") }, { within: ["start"], policy }),
    node("join", { kind: "linear", to: step("end") }, { joins: "start" }),
    node("end", { kind: "end" }),
  ]);
}

export function submission(graph: FlowGraph, options: Partial<RunOptions> = {}): SubmitRequest {
  return {
    graph,
    codePackage: parseSha256("a".repeat(64)),
    parameters: {},
    secrets: [],
    options: { ...defaultRunOptions, workersMax: 1000, ...options },
    tags: [],
    systemTags: [],
    namespace: "user:ada",
    user: "ada",
    resume: null,
  };
}

/** So many equal elements. */
export function elements(count: number): Elements {
  return { kind: "inline", base64: Array.from({ length: count }, () => "AA==") };
}

const usage = { startedAtMs: 1, finishedAtMs: 2, cpuMs: 1, peakMiB: 1 };

export function succeeded(taken: TakenTransition): TaskOutcome {
  return { kind: "succeeded", taken, artifacts: {}, usage };
}

export function failed(message: string): TaskOutcome {
  return { kind: "failed", failure: { kind: "userError", name: "Error", message, stack: "", place: null }, artifacts: {}, usage };
}

/** Does what the graph says; a foreach gets `width` elements. */
export function obedient(graph: FlowGraph, width = 0): (order: TaskOrder) => TaskOutcome {
  return (order) => {
    const { transition } = stepNode(graph, order.step);
    switch (transition.kind) {
      case "foreach":
        return succeeded({ kind: "foreach", to: transition.to, elements: elements(width) });
      case "switch":
        throw new Error("these tests have no switch");
      case "end":
      case "linear":
      case "branch":
        return succeeded(transition);
      default:
        return unreachable(transition);
    }
  };
}
