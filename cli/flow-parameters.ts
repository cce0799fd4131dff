// The flow's own parameters among the words of the command line, from a JSON file, and from the environment.

import { resolve } from "node:path";
import type { ParameterSpec } from "../proto/graph.ts";
import { parameterVariables } from "../proto/secret.ts";
import type { FlowDefinition } from "../sdk/flow/definition.ts";
import { isOpen, resolveParameters, type ParameterProblem } from "../sdk/flow/parameter-values.ts";
import { unknownOption } from "./arguments.ts";
import { CliError } from "./cli-error.ts";
import type { Context } from "./context.ts";
import { readJsonObject } from "./json-file.ts";
import type { EarlierValues } from "./resumption.ts";

/** `before` is what a resumed run's origin had: what is given now wins. @throws CliError badParameters, unknownOption, unexpected, missing */
export async function resolveFlowParameters(
  context: Context,
  definition: FlowDefinition,
  before: EarlierValues = { values: {}, inherited: [] },
): Promise<ReadonlyMap<string, unknown>> {
  const specs = definition.parameters.map((parameter) => parameter.spec);
  const file = context.options.text("params");
  const resolved = await resolveParameters(
    definition.parameters,
    {
      commandLine: readParameterWords(context, specs),
      values: {
        ...before.values,
        ...(file !== undefined &&
          readJsonObject({
            path: resolve(context.cwd, file),
            of: "parameters",
            kind: "badFile",
            example: '{ "rate": 0.2 }',
          })),
      },
      environment: context.env,
      inherited: before.inherited,
    },
    { flow: definition.name, user: context.settings.user, directory: context.cwd },
  );
  if (resolved.ok) return resolved.values;
  throw badParameters(definition, resolved.problems);
}

function badParameters({ name }: FlowDefinition, problems: readonly ParameterProblem[]): CliError {
  const [only, ...others] = problems;
  if (only !== undefined && others.length === 0) return new CliError("badParameters", only.message, { hint: only.hint, details: problems });
  const lines = problems.map((problem) => `${problem.message} (${problem.hint})`);
  return new CliError("badParameters", `${problems.length} parameters of ${name} are not valid`, { lines, details: problems });
}

/** `--rate 0.2`, `--rate=0.2`, `--verbose-training`, `--no-verbose-training`. @throws CliError */
function readParameterWords(context: Pick<Context, "rest" | "command">, specs: readonly ParameterSpec[]): Record<string, string> {
  const given: Record<string, string> = {};
  const words = [...context.rest];
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    const option = /^--(?<name>[^=]+)(?:=(?<value>.*))?$/s.exec(word)?.groups;
    if (option?.["name"] === undefined) throw unexpected(word, context);
    const { spec, negated } = findSpec(option["name"], specs);
    if (spec === undefined)
      throw unknownOption(
        word,
        context.command,
        specs.map((known) => optionOf(known.name)),
      );
    if (!isOpen(spec)) throw secretOnCommandLine(spec);
    if (negated) given[spec.name] = "false";
    else if (option["value"] !== undefined) given[spec.name] = option["value"];
    else if (spec.kind === "boolean")
      given[spec.name] = /^(true|false|yes|no|on|off)$/.test(words[0] ?? "") ? (words.shift() ?? "") : "true";
    else given[spec.name] = valueAfter(words, word);
  }
  return given;
}

/** Everybody on the machine can read the words of a command while it runs. */
function secretOnCommandLine({ name }: ParameterSpec): CliError {
  const variable = parameterVariables + name.toUpperCase();
  return new CliError(
    "badParameters",
    `parameter ${name}: it is secret, and must not stand on the command line, where others can read it`,
    {
      hint: `set ${variable}, or give a JSON file with --params FILE; --params /dev/stdin reads what is piped in`,
    },
  );
}

/** `maxDepth` is given as `--max-depth`. */
export function optionOf(parameter: string): string {
  return parameter
    .replace(/(?<=[a-z0-9])[A-Z]/g, (letter) => `-${letter}`)
    .replaceAll("_", "-")
    .toLowerCase();
}

function findSpec(name: string, specs: readonly ParameterSpec[]): { readonly spec: ParameterSpec | undefined; readonly negated: boolean } {
  const exact = specs.find((spec) => keyOf(spec.name) === keyOf(name));
  if (exact !== undefined || !name.startsWith("no-")) return { spec: exact, negated: false };
  const spec = specs.find((known) => known.kind === "boolean" && keyOf(known.name) === keyOf(name.slice(3)));
  return { spec, negated: true };
}

function keyOf(name: string): string {
  return name.replaceAll(/[-_]/g, "").toLowerCase();
}

function valueAfter(words: string[], option: string): string {
  const value = words.shift();
  if (value === undefined || /^--\D/.test(value))
    throw new CliError("missing", `${option} needs a value`, { hint: `for example ${option}=VALUE` });
  return value;
}

function unexpected(word: string, { command }: Pick<Context, "command">): CliError {
  return new CliError("unexpected", `stepwell ${command.name} doesn't know what to do with "${word}"`, {
    hint: `see stepwell ${command.name} --help`,
  });
}
