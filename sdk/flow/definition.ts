// What a flow class says about itself without running any step: its steps with their sources and policies, its
// parameters, its constants, and what is wrong with the options of its decorators.

import type { ParameterSpec, StepPolicy } from "../../proto/graph.ts";
import type { FlowClass } from "./flow-spec.ts";
import { type DefaultContext, type FileContent, ParameterDeclaration } from "./parameter.ts";
import { objectionToValue, safeJson, show } from "./parameter-kind.ts";
import { flowPolicyOf, policyOf } from "./policy.ts";
import { flowDecoratorsOf, recordsOf, type StepRecord } from "./record.ts";
import { objectionTo } from "./reserved.ts";

export type StepDefinition = {
  readonly name: string;
  /** Text of the method, as the engine gives it. */
  readonly source: string;
  readonly policy: StepPolicy;
  /** Names of the decorators that the step has, `step` excluded, in the order of the source. */
  readonly decorators: readonly string[];
  /** Name of the class whose body holds the method. */
  readonly declaredBy: string;
};

export type ParameterDefinition = {
  readonly spec: ParameterSpec;
  /** Gives the default, computed or not; null where there is none. For a file it is a path. */
  readonly makeDefault: ((context: DefaultContext) => unknown) | null;
  /** Says what is wrong with a value, null where nothing is. */
  readonly objection: (value: unknown) => string | null;
  /** How the content of a file is kept; `text` for the other kinds. */
  readonly fileAs: FileContent;
};

/** Something that the author must change. `step`, `decorator` and `field` say where, as far as it has such a place. */
type DefinitionProblem = {
  readonly step?: string;
  readonly decorator?: string;
  /** Name of the parameter or constant. */
  readonly field?: string;
  readonly message: string;
  readonly hint: string;
};

export type FlowDefinition = {
  readonly name: string;
  /** Base classes first, each in the order of its source. */
  readonly steps: readonly StepDefinition[];
  readonly parameters: readonly ParameterDefinition[];
  /** Of `@concurrency` on the class; null where it has none. */
  readonly concurrencyMax: number | null;
  /** Values of the class fields that are no parameters. */
  readonly constants: Readonly<Record<string, unknown>>;
  readonly problems: readonly DefinitionProblem[];
};

/** Constructs the flow once, and runs no step. */
export function definitionOf(flowClass: FlowClass): FlowDefinition {
  const problems: DefinitionProblem[] = [];
  const steps = Object.values(recordsOf(flowClass)).flatMap((record) => defineStep(flowClass, record, problems));
  const parameters: ParameterDefinition[] = [];
  const constants: Record<string, unknown> = {};
  for (const [field, value] of fieldsOf(flowClass, problems)) {
    const objection = objectionTo(field) ?? (steps.some((step) => step.name === field) ? `"${field}" is a step of this flow` : null);
    if (objection !== null) problems.push({ field, message: objection, hint: "choose another name" });
    if (value instanceof ParameterDeclaration) parameters.push(defineParameter(field, value, problems));
    else constants[field] = value;
  }
  for (const { name, policy } of steps) {
    const variable = policy.catch?.var ?? null;
    if (variable === null || !(parameters.some((parameter) => parameter.spec.name === variable) || Object.hasOwn(constants, variable)))
      continue;
    problems.push({
      step: name,
      decorator: "catchError",
      message: `@catchError: var "${variable}" is a parameter or a constant of the flow and cannot be assigned`,
      hint: "choose an artifact",
    });
  }
  const { concurrencyMax, problems: objections } = flowPolicyOf(flowDecoratorsOf(flowClass));
  problems.push(...objections);
  // A compiler that lowers decorators may have named a class that mentions itself `_TrainFlow`.
  return { name: flowClass.name.replace(/^_+(?=[A-Za-z])/, ""), steps, parameters, concurrencyMax, constants, problems };
}

/** Asks whether a name is that of a step of the flow class. Costs nothing until it is asked. */
export function stepTestOf(flowClass: FlowClass): (name: string) => boolean {
  const records = recordsOf(flowClass);
  return (name) => Object.hasOwn(records, name) && records[name]?.method !== null;
}

function defineStep(flowClass: FlowClass, record: StepRecord, problems: DefinitionProblem[]): readonly StepDefinition[] {
  const { name } = record;
  const decorators = record.decorators.map((decorator) => decorator.name).reverse();
  if (record.method === null) {
    problems.push({ step: name, message: `${name} has @${decorators.join(", @")} but is no step`, hint: "add @step" });
    return [];
  }
  const owner = ownerOf(flowClass, name);
  const method: unknown = Reflect.get(flowClass.prototype, name);
  if (method !== record.method) {
    problems.push({
      step: name,
      message: `step ${name} was replaced after @step had recorded it, in ${owner}`,
      hint: `where a subclass overrides a step, decorate it with @step again; other decorators must not replace the method`,
    });
  }
  const { policy, problems: objections } = policyOf(record.decorators.toReversed());
  problems.push(...objections.map((objection) => ({ step: name, ...objection })));
  return [{ name, source: Function.prototype.toString.call(record.method), policy, decorators, declaredBy: owner }];
}

function ownerOf(flowClass: FlowClass, name: string): string {
  let prototype: object | null = flowClass.prototype;
  while (prototype !== null && !Object.hasOwn(prototype, name)) prototype = Object.getPrototypeOf(prototype);
  return prototype?.constructor.name ?? flowClass.name;
}

/** The fields that the class gives a value. */
function fieldsOf(flowClass: FlowClass, problems: DefinitionProblem[]): readonly [string, unknown][] {
  try {
    return Object.entries(new flowClass()).filter(([, value]) => value !== undefined);
  } catch (error) {
    problems.push({
      message: `${flowClass.name} cannot be constructed: ${error instanceof Error ? error.message : String(error)}`,
      hint: "a field's value must not depend on the machine or on a running step; set artifacts in a step instead",
    });
    return [];
  }
}

function defineParameter(name: string, declaration: ParameterDeclaration, problems: DefinitionProblem[]): ParameterDefinition {
  const { kind, options } = declaration;
  const object = (message: string, hint: string): void =>
    void problems.push({ field: name, message: `parameter ${name}: ${message}`, hint });
  const given = options.default;
  const computed = typeof given === "function";
  const choices = options.choices ?? null;
  const spec: ParameterSpec = {
    name,
    kind,
    help: options.help ?? "",
    required: options.required === true,
    secret: options.secret === true,
    defaultJson: given === undefined || computed || options.secret === true ? null : safeJson(given),
    choices,
  };
  const definition: ParameterDefinition = {
    spec,
    makeDefault:
      given === undefined ? null : computed ? (context: DefaultContext) => (given as (c: DefaultContext) => unknown)(context) : () => given,
    objection: (value) => objectionToParameter(spec, value) ?? objectionOfAuthor(options.validate, value),
    fileAs: options.as ?? "text",
  };
  if (choices !== null && choices.length === 0) object("choices is empty", "list the values that are allowed, or leave it out");
  const objection = given === undefined || computed || kind === "file" ? null : definition.objection(given);
  if (objection !== null) object(`its default is refused: ${objection}`, "change the default or what the parameter accepts");
  return definition;
}

function objectionToParameter(spec: ParameterSpec, value: unknown): string | null {
  const objection = objectionToValue(spec.kind, value);
  if (objection !== null || spec.choices === null || spec.choices.includes(value as string | number)) return objection;
  return `expected one of ${spec.choices.map(show).join(", ")}, got ${show(value)}`;
}

function objectionOfAuthor(validate: ((value: never) => string | boolean | null | undefined) | undefined, value: unknown): string | null {
  if (validate === undefined) return null;
  try {
    const verdict = validate(value as never);
    if (verdict === false) return `${show(value)} is not valid`;
    return typeof verdict === "string" && verdict !== "" ? verdict : null;
  } catch (error) {
    return `${show(value)} is not valid: ${error instanceof Error ? error.message : String(error)}`;
  }
}
