// Which steps of a flow differ between two versions of its code, and which read a parameter.

import type { StepName } from "../proto/ids.ts";
import { parseStepName } from "../proto/ids.ts";
import type { FlowDefinition } from "../sdk/flow/definition.ts";

/** Steps that both have, with other text. A step that is new has nothing to reuse anyway. */
export function changedSteps(before: FlowDefinition, after: FlowDefinition): readonly StepName[] {
  const sources = new Map(before.steps.map((step) => [step.name, step.source]));
  return after.steps
    .filter((step) => sources.has(step.name) && sources.get(step.name) !== step.source)
    .map((step) => parseStepName(step.name));
}

export function stepsReadingParameters(definition: FlowDefinition): Readonly<Record<string, readonly StepName[]>> {
  return Object.fromEntries(
    definition.parameters.map(({ spec }) => {
      const read = new RegExp(`\\b${spec.name}\\b`);
      return [spec.name, definition.steps.filter((step) => read.test(step.source)).map((step) => parseStepName(step.name))];
    }),
  );
}
