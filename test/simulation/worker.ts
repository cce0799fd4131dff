// A simulated worker: computes an order's outcome from nothing but the order and the script.

import type { Artifacts } from "../../proto/artifact.ts";
import type { JoinInput, TakenTransition, TaskOrder, TaskOutcome } from "../../proto/order.ts";
import { unreachable } from "../../proto/unreachable.ts";
import {
  caseOf,
  elementsOf,
  failuresOf,
  producedBeforeFailure,
  producedByJoin,
  producedByStep,
  type Place,
  type Script,
} from "./behaviour.ts";
import type { RandomFlow } from "./graph.ts";

const usage = { startedAtMs: 0, finishedAtMs: 7, cpuMs: 1, peakMiB: 1 };

/** `failedBefore`: how many of the task's attempts the script has made fail so far. */
export function execute(input: { flow: RandomFlow; script: Script; order: TaskOrder; failedBefore: number }): TaskOutcome {
  const { flow, script, order } = input;
  const elements = order.frames.map(({ element }) => (element.kind === "inline" ? element.base64 : "?"));
  const place: Place = { step: order.step, task: order.task, elements };
  const scripted = failuresOf(script, order.task);
  if (scripted !== null && input.failedBefore < scripted.times) {
    if (scripted.failure.kind === "badTransition") return { kind: "succeeded", taken: wrongTransition(flow, order), artifacts: {}, usage };
    const artifacts = order.keepOnFailure ? producedBeforeFailure(place) : {};
    return { kind: "failed", failure: scripted.failure, artifacts, usage };
  }
  return { kind: "succeeded", taken: transitionOf(flow, script, order), artifacts: producedFrom(script, place, order), usage };
}

export function stopped(by: string): TaskOutcome {
  return { kind: "failed", failure: { kind: "cancelled", by }, artifacts: {}, usage };
}

function producedFrom(script: Script, place: Place, { inputs }: TaskOrder): Artifacts {
  if (inputs.kind === "single") return producedByStep(script, place, inputs.artifacts);
  return producedByJoin(
    script,
    place,
    inputs.inputs.map((input) => wholeOf(input, inputs.base)),
  );
}

function wholeOf({ own, missing }: JoinInput, base: Artifacts): Artifacts {
  const whole = { ...base, ...own };
  return Object.fromEntries(Object.entries(whole).filter(([name]) => !missing.includes(name)));
}

function transitionOf(flow: RandomFlow, script: Script, order: TaskOrder): TakenTransition {
  const transition = flow.graph.steps.find((node) => node.name === order.step)?.transition;
  if (transition === undefined) throw new Error(`no step ${order.step}`);
  switch (transition.kind) {
    case "foreach":
      return { kind: "foreach", to: transition.to, elements: { kind: "inline", base64: elementsOf(script, order.task) } };
    case "switch": {
      const [value, to] = Object.entries(transition.cases)[caseOf(script, order.task, Object.keys(transition.cases).length)] ?? [];
      if (value === undefined || to === undefined) throw new Error(`no case at ${order.task}`);
      return { kind: "switch", value, to };
    }
    case "end":
    case "linear":
    case "branch":
      return transition;
    default:
      return unreachable(transition);
  }
}

/** A kind of its own for some tasks, the right kind with a wrong target for others. */
function wrongTransition(flow: RandomFlow, order: TaskOrder): TakenTransition {
  const transition = flow.graph.steps.find((node) => node.name === order.step)?.transition;
  if (transition?.kind === "linear") return { kind: "linear", to: order.step };
  if (transition?.kind === "branch") return { kind: "branch", to: transition.to.toReversed() };
  return transition?.kind === "end" ? { kind: "linear", to: order.step } : { kind: "end" };
}
