// `stepwell __complete`: candidates for the last word, one a line. Never fails aloud: a shell has no place for errors.

import { existsSync } from "node:fs";
import { findCommand } from "../arguments.ts";
import { exitCodes, type ExitCode } from "../cli-error.ts";
import type { CommandSpec, OperandSpec, OptionSpec } from "../command-spec.ts";
import { commands, globalOptions } from "../command-table.ts";
import type { Context } from "../context.ts";
import { endpointOf } from "../endpoint.ts";

/** A coordinator that answers later than this is of no help to somebody who types. Milliseconds. */
const waitMsMax = 1500;

export async function complete(context: Context): Promise<ExitCode> {
  const words = context.operands.slice(0, -1);
  const last = context.operands.at(-1) ?? "";
  let isLate = false;
  const late = new Promise<readonly string[]>((resolve) => {
    const give = (): void => {
      isLate = true;
      resolve([]);
    };
    setTimeout(give, waitMsMax).unref();
  });
  const all = await Promise.race([candidates(context, words, last).catch(() => []), late]);
  const fitting = [...new Set(all)].filter((candidate) => candidate.startsWith(last));
  if (fitting.length > 0) context.terminal.out.write(`${fitting.join("\n")}\n`);
  // Whoever has not answered is waited for by nobody: not by the connection either.
  if (isLate) process.exit(exitCodes.ok);
  return exitCodes.ok;
}

async function candidates(context: Context, words: readonly string[], last: string): Promise<readonly string[]> {
  const found = findNamed(words);
  if (found === null) return commandWords(words);
  const { command } = found;
  const options = [...command.options, ...globalOptions];
  const before = options.find(
    (option) => `--${option.name}` === words.at(-1) || (option.short !== undefined && `-${option.short}` === words.at(-1)),
  );
  if (before?.value !== undefined) return before.choices ?? [];
  if (last.startsWith("-")) return [...options.flatMap(optionWords), ...(await parameterWords(context, command, found.words))];
  const operands = found.words.filter((word) => !word.startsWith("-"));
  const operand = command.operands[operands.length] ?? command.operands.findLast((candidate) => candidate.repeatable === true);
  // `worker` is a command, and the first word of others.
  return operand === undefined ? commandWords(words) : operandWords(context, operand, { last, operands });
}

function findNamed(words: readonly string[]): ReturnType<typeof findCommand> {
  try {
    return findCommand(words);
  } catch {
    return null;
  }
}

function commandWords(words: readonly string[]): readonly string[] {
  const shown = commands.filter((command) => command.hidden !== true).map((command) => command.name);
  const group = words.findLast((word) => !word.startsWith("-"));
  if (group === undefined) return shown.map((name) => name.split(" ")[0] ?? name);
  return shown.filter((name) => name.startsWith(`${group} `)).map((name) => name.slice(group.length + 1));
}

function optionWords(option: OptionSpec): readonly string[] {
  return option.negatable === true ? [`--${option.name}`, `--no-${option.name}`] : [`--${option.name}`];
}

async function parameterWords(context: Context, command: CommandSpec, words: readonly string[]): Promise<readonly string[]> {
  const file = words.find((word) => /\.[cm]?[jt]sx?(:\w+)?$/.test(word));
  if (command.takesParameters !== true || file === undefined) return [];
  const [{ checkFlowFile, findFlowFile }, { optionOf }] = await Promise.all([import("../flow-file.ts"), import("../flow-parameters.ts")]);
  const { graph } = await checkFlowFile(context, findFlowFile(file, context.cwd));
  return graph === null ? [] : graph.parameters.map((spec) => `--${optionOf(spec.name)}`);
}

async function operandWords(
  context: Context,
  operand: OperandSpec,
  { last, operands }: { readonly last: string; readonly operands: readonly string[] },
): Promise<readonly string[]> {
  if (operand.kind === "shell") return ["bash", "zsh", "fish"];
  // Files are the shell's own business.
  if (
    operand.kind === "flowFile" ||
    operand.kind === "file" ||
    operand.kind === "tag" ||
    operand.kind === "token" ||
    (endpointOf(context.settings, context.env) === null && !existsSync(context.settings.dir))
  )
    return [];
  const { reading } = await import("../reading.ts");
  return reading(context, async ({ control }) => {
    if (operand.kind === "launch") return (await control.launches()).flatMap(({ launch, stage }) => (stage === "over" ? [] : [launch]));
    if (operand.kind === "worker") return (await control.workers()).map(({ worker }) => worker);
    if (operand.kind === "step") return (await control.run(await resolve(operands[0] ?? "latest"))).graph.steps.map((step) => step.name);
    const runs = (await control.runs({ namespace: null, limit: 50 })).items;
    if (operand.kind === "flow") return runs.map((run) => run.flow);
    const names = ["latest", ...runs.map((run) => run.run)];
    const within = operand.kind === "path" && last.split("/").length >= 3 ? await stepPaths(last) : [];
    return [...names, ...within];

    async function resolve(text: string) {
      const { resolveRun } = await import("../run-name.ts");
      return resolveRun(text, { control, namespace: context.settings.namespace });
    }

    async function stepPaths(text: string): Promise<readonly string[]> {
      const run = text.split("/").slice(0, 2).join("/");
      return (await control.run(await resolve(run))).graph.steps.map((step) => `${run}/${step.name}`);
    }
  });
}
