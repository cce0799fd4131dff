// The step graph of a flow, from the text of its methods, and everything that is wrong with it.

import type { FlowGraph, StepNode, Transition } from "../../proto/graph.ts";
import { NameError, parseFlowName, parseStepName } from "../../proto/ids.ts";
import type { StepName } from "../../proto/ids.ts";
import { unreachable } from "../../proto/unreachable.ts";
import type { FlowDefinition, StepDefinition } from "../flow/definition.ts";
import { nearest } from "../flow/nearest.ts";
import { objectionTo } from "../flow/reserved.ts";
import type { FlowSource } from "../package/flow-source.ts";
import { checkArtifacts } from "./artifact-checks.ts";
import { checkDefinition } from "./definition-checks.ts";
import { nest } from "./nesting.ts";
import type { Nesting } from "./nesting.ts";
import { isError, problem } from "./problem.ts";
import type { Problem } from "./problem.ts";
import { reach } from "./reachability.ts";
import type { SketchedStep, StepObjection } from "./sketch.ts";
import { parseMethod } from "./method-text.ts";
import { readStep } from "./step-syntax.ts";
import type { StepSyntax } from "./step-syntax.ts";
import type { WrittenTarget, WrittenTransition } from "./transition-syntax.ts";

type Extracted = { readonly graph: FlowGraph | null; readonly problems: readonly Problem[] };

/** `file` is the base name of the flow's file. The graph is null where there is an error. */
export function extractGraph(definition: FlowDefinition, source: FlowSource, file: string): Extracted {
  const sketched = sketch(definition, source);
  const objections = [...sketched.objections];
  const { order, objections: apart } = objections.length === 0 ? reach(sketched.steps) : { order: [], objections: [] };
  objections.push(...apart);
  const nesting = objections.length === 0 ? nest(order) : null;
  objections.push(...(nesting?.objections ?? []));
  if (nesting !== null && objections.length === 0) objections.push(...checkArtifacts({ definition, source, order, nesting }));
  const problems = [
    ...startAndEnd(definition, source),
    ...objections.map((objection) => problemOf(objection, source)),
    ...checkDefinition({ definition, source, steps: sketched.steps }),
  ];
  if (nesting === null || problems.some(isError)) return { graph: null, problems };
  return { graph: graphOf({ definition, source, file, steps: sketched.steps, nesting }), problems };
}

function problemOf({ step, at, code, message, hint }: StepObjection, source: FlowSource): Problem {
  return problem(code, source.placeIn(step, at), { message, hint });
}

function startAndEnd(definition: FlowDefinition, source: FlowSource): readonly Problem[] {
  const names = definition.steps.map((step) => step.name);
  // A method that has decorators, but not @step, is a problem of its own.
  const objectedTo = definition.problems.map((each) => each.step);
  const missing = (["start", "end"] as const).filter((name) => !names.includes(name) && !objectedTo.includes(name));
  return missing.map((name) => {
    const undecorated = source.members.get(name)?.kind === "method";
    const place = undecorated ? source.placeIn(name, 0) : source.placeOfClass;
    const near = nearest(name, names);
    const hint = undecorated
      ? `${name} is a method without @step: decorate it`
      : near === null
        ? `add @step ${name}() { … }`
        : `did you mean ${name} where it says ${near}?`;
    return problem(name === "start" ? "SW1001" : "SW1002", place, { message: `flow ${definition.name} has no step "${name}"`, hint });
  });
}

type Sketch = { readonly steps: readonly SketchedStep[]; readonly objections: readonly StepObjection[] };

function sketch(definition: FlowDefinition, source: FlowSource): Sketch {
  const objections: StepObjection[] = [];
  const names = new Map(definition.steps.flatMap(({ name }) => stepNameOf(name, objections)));
  const isStep = (name: string): boolean => definition.steps.some((step) => step.name === name);
  const steps = definition.steps.flatMap((step) => {
    const name = names.get(step.name);
    const syntax = syntaxOf(step, objections);
    if (name === undefined || syntax === null) return [];
    objections.push(...syntax.objections.map((objection) => ({ step: step.name, ...objection })));
    const takesInputs = syntax.takesArgument && /:\s*Inputs\s*</.test(source.headOf(step.name));
    const written = syntax.transition;
    const transition =
      written === null
        ? name === "end"
          ? ({ kind: "end" } as const)
          : null
        : resolve(step.name, written, { names, isStep, source, objections });
    return [{ name, takesArgument: syntax.takesArgument, takesInputs, transition, transitionAt: syntax.at }];
  });
  return { steps, objections };
}

function stepNameOf(name: string, objections: StepObjection[]): [string, StepName][] {
  const reserved = objectionTo(name);
  try {
    if (reserved === null) return [[name, parseStepName(name)]];
    objections.push({ step: name, at: 0, code: "SW1003", message: reserved, hint: "choose another name for the step" });
  } catch (error) {
    if (!(error instanceof NameError)) throw error;
    objections.push({ step: name, at: 0, code: "SW1003", message: error.message, hint: "rename the step" });
  }
  return [];
}

function syntaxOf({ name, source }: StepDefinition, objections: StepObjection[]): StepSyntax | null {
  const tree = parseMethod(source);
  if (tree !== null) return readStep(name, tree);
  const message = `the text of step "${name}" cannot be read: ${JSON.stringify(source.slice(0, 60))}`;
  objections.push({ step: name, at: 0, code: "SW1030", message, hint: "write the step as a method; nothing may replace it" });
  return null;
}

type Lookup = {
  readonly names: ReadonlyMap<string, StepName>;
  readonly isStep: (name: string) => boolean;
  readonly source: FlowSource;
  readonly objections: StepObjection[];
};

function resolve(step: string, written: WrittenTransition, lookup: Lookup): Transition | null {
  const targets = writtenTargets(written);
  const found = targets.flatMap((target) => lookUp(step, target, lookup));
  const [first] = found;
  if (first === undefined || found.length < targets.length) return null;
  switch (written.kind) {
    case "linear":
      return { kind: "linear", to: first };
    case "foreach":
      return { kind: "foreach", to: first, artifact: written.artifact };
    case "branch": {
      const twice = found.find((name, i) => found.indexOf(name) !== i);
      if (twice === undefined) return { kind: "branch", to: found };
      const hint = "to run a step several times use a foreach";
      lookup.objections.push({
        step,
        at: written.to[found.lastIndexOf(twice)]?.at ?? 0,
        code: "SW1029",
        message: `"${step}" branches to "${twice}" twice`,
        hint,
      });
      return null;
    }
    case "switch": {
      if (found.length > 1)
        return {
          kind: "switch",
          condition: written.condition,
          cases: Object.fromEntries(written.cases.map((one, i) => [one.key, found[i] ?? first])),
        };
      const hint = `without a choice write this.next(this.${first})`;
      lookup.objections.push({ step, at: written.at, code: "SW1025", message: `the switch of "${step}" has one case only`, hint });
      return null;
    }
    default:
      return unreachable(written);
  }
}

function writtenTargets(written: WrittenTransition): readonly WrittenTarget[] {
  switch (written.kind) {
    case "linear":
    case "foreach":
      return [written.to];
    case "branch":
      return written.to;
    case "switch":
      return written.cases;
    default:
      return unreachable(written);
  }
}

function lookUp(step: string, target: WrittenTarget, { names, isStep, source, objections }: Lookup): readonly StepName[] {
  const name = names.get(target.step);
  if (name !== undefined) return [name];
  // A step whose name has been objected to.
  if (isStep(target.step)) return [];
  const undecorated = source.members.has(target.step);
  const near = nearest(target.step, names.keys());
  const message = undecorated
    ? `"${step}" leads to "${target.step}", which is no step`
    : `"${step}" leads to "${target.step}", which does not exist`;
  const hint = undecorated
    ? `decorate it with @step`
    : near === null
      ? `the steps are ${[...names.keys()].join(", ")}`
      : `did you mean "${near}"?`;
  objections.push({ step, at: target.at, code: "SW1010", message, hint });
  return [];
}

type Checked = {
  readonly definition: FlowDefinition;
  readonly source: FlowSource;
  readonly file: string;
  readonly steps: readonly SketchedStep[];
  readonly nesting: Nesting;
};

function graphOf({ definition, source, file, steps, nesting }: Checked): FlowGraph {
  const policies = new Map(definition.steps.map((step) => [step.name, step.policy]));
  const nodes = steps.flatMap(({ name, transition }): StepNode[] => {
    const policy = policies.get(name);
    if (policy === undefined || transition === null) return [];
    const { source: from, line } = source.placeIn(name, 0);
    const place = { name, doc: source.docOf(name), line, file: from };
    return [{ ...place, transition, joins: nesting.joins.get(name) ?? null, within: nesting.within.get(name) ?? [], policy }];
  });
  const parameters = definition.parameters.map((parameter) => parameter.spec);
  const { name, concurrencyMax } = definition;
  const limit = concurrencyMax === null ? {} : { concurrencyMax };
  return { flow: parseFlowName(name), file, doc: source.docOfClass(), ...limit, steps: nodes, parameters };
}
