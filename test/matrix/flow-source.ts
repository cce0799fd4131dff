// Writes the source of a flow that has a shape and shows a behaviour in each of its steps.

import { declarationsOf, stepsOf, type Shape, type ShapeStep } from "./shapes.ts";

export type Behaviour = {
  readonly name: string;
  /** Declarations of artifacts and parameters. */
  readonly fields: readonly string[];
  /** Lines above `@step`. */
  decorators(step: ShapeStep): string;
  /** Statements of the step, before its transition. */
  body(step: ShapeStep): string;
};

export function flowNameOf(shape: Shape, behaviour: Behaviour): string {
  return [...shape.name.split("_"), ...behaviour.name.split("_"), "flow"].map((word) => word[0]?.toUpperCase() + word.slice(1)).join("");
}

export function flowSource(shape: Shape, behaviour: Behaviour): string {
  const steps = stepsOf(shape).map((step) => {
    const parameter = step.role === "join" ? "inputs: Inputs<this>" : step.takesElement ? "element: string" : "";
    const lines = [
      step.takesElement ? "void element;" : "",
      behaviour.body(step),
      step.prepare,
      step.transition === "" ? "" : `return ${step.transition};`,
    ];
    const body = lines.filter((line) => line !== "").map((line) => `    ${line}\n`);
    return `  ${behaviour.decorators(step)} @step async ${step.name}(${parameter}) {\n${body.join("")}  }\n`;
  });
  return [
    'import { FlowSpec, step, retry, timeout, catchError, parameter, current, type Inputs } from "stepwell";',
    `export class ${flowNameOf(shape, behaviour)} extends FlowSpec {`,
    ...[...behaviour.fields, ...declarationsOf(shape)].map((line) => `  ${line}`),
    ...steps,
    "}",
    "void retry; void timeout; void catchError; void parameter; void current;",
    "",
  ].join("\n");
}
