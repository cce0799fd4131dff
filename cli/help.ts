// Help texts, made from the command table: examples first.

import type { CommandSpec, OptionSpec } from "./command-spec.ts";
import { commands, globalOptions } from "./command-table.ts";

export function overviewHelp(): string {
  const shown = commands.filter((command) => command.hidden !== true);
  return [
    "Stepwell runs workflows that are TypeScript classes.",
    "",
    ...exampleLines([
      ["stepwell init", "write a first flow"],
      ["stepwell run hello.ts", "run it"],
      ["stepwell status latest", "look at what ran"],
    ]),
    "",
    "Commands",
    ...pairLines(shown.map((command) => [command.name, command.summary])),
    "",
    "Options of every command",
    ...pairLines(globalOptions.map(optionPair)),
    "",
    "More about a command: stepwell COMMAND --help",
    "",
  ].join("\n");
}

export function commandHelp(command: CommandSpec): string {
  const operands = command.operands.map(operandText);
  const words = [
    "stepwell",
    command.name,
    ...operands,
    ...(command.takesParameters === true ? ["[--PARAMETER VALUE ...]"] : []),
    "[options]",
  ];
  const options = command.options.length === 0 ? [] : ["", "Options", ...pairLines(command.options.map(optionPair))];
  const notes = command.notes === undefined ? [] : ["", ...command.notes];
  return [
    `${command.summary[0]?.toUpperCase() ?? ""}${command.summary.slice(1)}.`,
    "",
    ...exampleLines(command.examples),
    "",
    "Usage",
    `  ${words.join(" ")}`,
    ...options,
    "",
    "Options of every command (see stepwell --help)",
    ...wrapped(globalOptions.map((option) => (option.short === undefined ? `--${option.name}` : `-${option.short}/--${option.name}`))),
    ...notes,
    "",
  ].join("\n");
}

function exampleLines(examples: CommandSpec["examples"]): string[] {
  return ["Examples", ...pairLines(examples.map(([line, does]) => [line, `# ${does}`]))];
}

/** Long left sides don't push the right side of the others away. */
function pairLines(pairs: readonly (readonly [string, string])[]): string[] {
  const width = Math.min(Math.max(...pairs.map(([left]) => left.length)), 46);
  return pairs.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`);
}

function optionPair(option: OptionSpec): readonly [string, string] {
  const short = option.short === undefined ? "    " : `-${option.short}, `;
  const name = option.negatable === true && option.value === undefined ? `[no-]${option.name}` : option.name;
  const value = option.value === undefined ? "" : ` ${option.value}`;
  return [
    `${short}--${name}${value}`,
    option.help + (option.repeatable === true && option.value !== undefined ? " (may be repeated)" : ""),
  ];
}

function operandText(operand: CommandSpec["operands"][number]): string {
  const name = operand.repeatable === true ? `${operand.name}...` : operand.name;
  return operand.required === true ? name : `[${name}]`;
}

function wrapped(words: readonly string[]): string[] {
  const lines: string[] = [];
  for (const word of words) {
    const last = lines.at(-1);
    if (last === undefined || last.length + word.length > 88) lines.push(`  ${word}`);
    else lines[lines.length - 1] = `${last}  ${word}`;
  }
  return lines;
}
