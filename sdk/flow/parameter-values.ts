// The values of a run's parameters, from wherever they were given. All that is wrong is told at once.

import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { ParameterKind, ParameterSpec } from "../../proto/graph.ts";
import type { ParameterDefinition } from "./definition.ts";
import { parameterVariables } from "../../proto/secret.ts";
import { nearest } from "./nearest.ts";
import { fromText, show } from "./parameter-kind.ts";

/** Where values may come from; an earlier source wins over a later one. A file parameter is a path in texts, its content in `values`. */
export type ParameterSources = {
  /** `--rate 0.2`, by the name of the option without its dashes. */
  readonly commandLine?: Readonly<Record<string, string>>;
  /** From a JSON file or from code. */
  readonly values?: Readonly<Record<string, unknown>>;
  /** The process's variables; `STEPWELL_PARAM_RATE` counts for `rate`. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Parameters that already have a value, which is not known here: it counts before a default. */
  readonly inherited?: readonly string[];
};

type ParameterOrigin = "commandLine" | "values" | "environment" | "inherited" | "default" | "none";

export type ParameterProblem = {
  readonly parameter: string;
  readonly origin: ParameterOrigin;
  readonly message: string;
  readonly hint: string;
};

export type ResolvedParameters =
  | {
      readonly ok: true;
      /** Every parameter of the flow that is not inherited; undefined where there is no value and none is required. */
      readonly values: ReadonlyMap<string, unknown>;
      readonly origins: ReadonlyMap<string, ParameterOrigin>;
    }
  | { readonly ok: false; readonly problems: readonly ParameterProblem[] };

export type ResolvingContext = {
  readonly flow: string;
  readonly user: string;
  /** Relative paths of files start here. */ readonly directory: string;
};

export async function resolveParameters(
  parameters: readonly ParameterDefinition[],
  sources: ParameterSources,
  context: ResolvingContext,
): Promise<ResolvedParameters> {
  const byKey = new Map(parameters.map((parameter) => [keyOf(parameter.spec.name), parameter]));
  const texts = new Map<string, Given>();
  const problems: ParameterProblem[] = [];
  const place = (origin: ParameterOrigin, name: string, given: Omit<Given, "origin">): void => {
    const parameter = origin === "values" ? parameters.find((other) => other.spec.name === name) : byKey.get(keyOf(name));
    if (parameter === undefined) problems.push(unknownParameter(origin, name, parameters));
    else texts.set(parameter.spec.name, { origin, ...given });
  };
  // The strongest source comes last.
  for (const [variable, text] of Object.entries(sources.environment ?? {})) {
    if (text !== undefined && variable.startsWith(parameterVariables))
      place("environment", variable.slice(parameterVariables.length), { text });
  }
  for (const [name, value] of Object.entries(sources.values ?? {})) if (value !== undefined) place("values", name, { value });
  for (const [name, text] of Object.entries(sources.commandLine ?? {})) place("commandLine", name, { text });

  for (const name of sources.inherited ?? []) if (!texts.has(name)) texts.set(name, { origin: "inherited" });
  const resolved = await Promise.all(parameters.map(async (parameter) => resolveOne(parameter, texts.get(parameter.spec.name), context)));
  problems.push(...resolved.flatMap((one) => (one.problem === null ? [] : [one.problem])));
  if (problems.length > 0) return { ok: false, problems };
  return {
    ok: true,
    values: new Map(resolved.flatMap((one) => (one.origin === "inherited" ? [] : [[one.name, one.value]]))),
    origins: new Map(resolved.map((one) => [one.name, one.origin])),
  };
}

/** What was given for one parameter: a text that is still to be converted, or a value. */
type Given = { readonly origin: ParameterOrigin; readonly text?: string; readonly value?: unknown };

type Resolved = {
  readonly name: string;
  readonly value: unknown;
  readonly origin: ParameterOrigin;
  readonly problem: ParameterProblem | null;
};

/** `maxDepth`, `max-depth` and `MAX_DEPTH` are the same parameter. */
function keyOf(name: string): string {
  return name.replaceAll(/[-_]/g, "").toLowerCase();
}

function unknownParameter(origin: ParameterOrigin, name: string, parameters: readonly ParameterDefinition[]): ParameterProblem {
  const names = parameters.map((parameter) => parameter.spec.name);
  const close = nearest(name, names);
  const shown = origin === "environment" ? `${parameterVariables}${name}` : origin === "commandLine" ? `--${name}` : `"${name}"`;
  const all = names.length === 0 ? "the flow has no parameters" : `the flow's parameters are ${names.join(", ")}`;
  return {
    parameter: name,
    origin,
    message: `${shown} is no parameter of the flow`,
    hint: close === null ? all : `did you mean ${close}?`,
  };
}

async function resolveOne(parameter: ParameterDefinition, given: Given | undefined, context: ResolvingContext): Promise<Resolved> {
  const { spec } = parameter;
  const origin = given?.origin ?? (parameter.makeDefault === null ? "none" : "default");
  const fail = (message: string, hint: string): Resolved => ({
    name: spec.name,
    value: undefined,
    origin,
    problem: { parameter: spec.name, origin, message: `parameter ${spec.name}: ${message}`, hint },
  });
  if (origin === "inherited" || (origin === "none" && !spec.required)) return { name: spec.name, value: undefined, origin, problem: null };
  if (origin === "none") {
    const variable = `set ${parameterVariables}${spec.name.toUpperCase()}`;
    return fail("it needs a value and has none", isOpen(spec) ? `give --${spec.name} VALUE, or ${variable}` : variable);
  }
  try {
    const value = await valueOf(parameter, given, context);
    const objection = parameter.objection(value);
    if (objection === null) return { name: spec.name, value, origin, problem: null };
    return fail(hide(spec.secret, objection), hintFor(parameter));
  } catch (error) {
    return fail(hide(spec.secret, error instanceof Error ? error.message : String(error)), hintFor(parameter));
  }
}

async function valueOf(parameter: ParameterDefinition, given: Given | undefined, context: ResolvingContext): Promise<unknown> {
  const { spec } = parameter;
  if (given === undefined) {
    const value = await parameter.makeDefault?.({ flow: context.flow, parameter: spec.name, user: context.user });
    if (spec.kind !== "file") return value;
    if (typeof value !== "string") throw new Error(`its default must be the path of a file, not ${show(value)}`);
    return readContent(parameter, value, context);
  }
  if (given.text === undefined) return given.value;
  if (spec.kind === "file") return readContent(parameter, given.text, context);
  const converted = fromText(spec.kind, given.text);
  if (!converted.ok) throw new Error(converted.message);
  return converted.value;
}

async function readContent(parameter: ParameterDefinition, path: string, context: ResolvingContext): Promise<string | Uint8Array> {
  const bytes = await readFile(resolve(context.directory, path)).catch((error: unknown) => {
    throw new Error(`file ${show(path)} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  });
  return parameter.fileAs === "bytes" ? new Uint8Array(bytes) : bytes.toString("utf8");
}

/** Whether its value may stand on a command line. The path of a secret file may. */
export function isOpen({ secret, kind }: Pick<ParameterSpec, "secret" | "kind">): boolean {
  return !secret || kind === "file";
}

/** A secret's value must not come out in a message. */
function hide(secret: boolean, message: string): string {
  return secret ? "the value that was given is not valid (it is secret and not shown)" : message;
}

const taken: Readonly<Record<ParameterKind, string>> = {
  string: "a text",
  number: "a number",
  integer: "a whole number",
  boolean: "true or false",
  json: "JSON",
  file: "the path of a file",
};

function hintFor(parameter: ParameterDefinition): string {
  const { choices, help, kind } = parameter.spec;
  if (choices !== null) return `choose one of ${choices.map(show).join(", ")}`;
  return help === "" ? `it takes ${taken[kind]}` : `it takes ${taken[kind]}: ${help}`;
}
