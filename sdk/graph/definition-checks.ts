// What is wrong with the parts of a flow that are no steps: decorators, parameters, constants.

import type { FlowDefinition } from "../flow/definition.ts";
import { RefusedArtifactError } from "../artifact/refused.ts";
import { encode } from "../artifact/codec.ts";
import type { FlowSource } from "../package/flow-source.ts";
import { problem } from "./problem.ts";
import type { Problem } from "./problem.ts";
import type { SketchedStep } from "./sketch.ts";
import { optionClashingWith } from "./run-options.ts";

type Parts = { readonly definition: FlowDefinition; readonly source: FlowSource; readonly steps: readonly SketchedStep[] };

export function checkDefinition({ definition, source, steps }: Parts): readonly Problem[] {
  const all = [recordedProblems, caughtSplits(steps), parameterNames, constants];
  return all.flatMap((check) => check(definition, source));
}

/** What a failed step would have gone on with is not known: there are no elements, and there is no choice. */
function caughtSplits(steps: readonly SketchedStep[]): (definition: FlowDefinition, source: FlowSource) => readonly Problem[] {
  return (definition, source) =>
    steps.flatMap(({ name, transition }) => {
      const caught = definition.steps.some((step) => step.name === name && step.policy.catch !== null);
      if (!caught || (transition?.kind !== "foreach" && transition?.kind !== "switch")) return [];
      const does = transition.kind === "foreach" ? "fans out" : "switches";
      const message = `step "${name}" has @catchError, but it ${does}: after a failure nobody knows where to go on`;
      const hint = "do the work that may fail in a step before, and catch it there";
      return [problem("SW1202", source.placeOfDecorator(name, "catchError"), { message, hint })];
    });
}

function recordedProblems(definition: FlowDefinition, source: FlowSource): readonly Problem[] {
  return definition.problems.map(({ step, decorator, field, message, hint }) => {
    if (field !== undefined) return problem("SW1301", source.placeOfField(field), { message, hint });
    if (step === undefined && decorator !== undefined) return problem("SW1201", source.placeOfClassDecorator(decorator), { message, hint });
    if (step === undefined) return problem("SW1301", source.placeOfClass, { message, hint });
    const place = decorator === undefined ? source.placeIn(step, 0) : source.placeOfDecorator(step, decorator);
    return problem("SW1201", place, { message, hint });
  });
}

function parameterNames(definition: FlowDefinition, source: FlowSource): readonly Problem[] {
  const seen = new Map<string, string>();
  return definition.parameters.flatMap(({ spec: { name } }): Problem[] => {
    const place = source.placeOfField(name);
    const twin = seen.get(name.toLowerCase());
    seen.set(name.toLowerCase(), name);
    const option = optionClashingWith(name);
    if (option !== null) {
      const message = `parameter "${name}" has the name of the option --${option} of stepwell run`;
      return [problem("SW1303", place, { message, hint: "choose another name" })];
    }
    if (twin === undefined) return [];
    const message = `parameters "${twin}" and "${name}" differ in upper and lower case only`;
    return [problem("SW1302", place, { message, hint: "choose names that nobody can mistake for each other" })];
  });
}

function constants(definition: FlowDefinition, source: FlowSource): readonly Problem[] {
  return Object.entries(definition.constants).flatMap(([name, value]) => {
    try {
      encode(value, name);
      return [];
    } catch (error) {
      if (!(error instanceof RefusedArtifactError)) throw error;
      const message = `constant ${name}${error.path} cannot be kept: ${error.message}`;
      const hint = "a field with a value is kept with each run: keep plain data in it, or move it out of the class";
      return [problem("SW1106", source.placeOfField(name), { message, hint })];
    }
  });
}
