// The text of docs/cli.md, made from the table of commands.

import { exitCodes } from "../cli/cli-error.ts";
import type { CommandSpec, OperandSpec, OptionSpec } from "../cli/command-spec.ts";
import { commands, globalOptions } from "../cli/command-table.ts";

const meanings: Readonly<Record<keyof typeof exitCodes, string>> = {
  ok: "done; of `run`, `resume` and `retry`: the run succeeded",
  runFailed: "the run failed; of `status --watch` and `logs --follow` also: the process that drove it is gone",
  usage: "the command line, the settings, the parameters or the flow are wrong; nothing has run",
  notFound: "there is no such run, task or artifact",
  unauthorized: "not allowed",
  internal: "Stepwell itself, the ledger or the store has failed",
  conflict: "not possible as things are: the file exists, the run is still running",
  partial: "some of several things failed",
  timeout: "`--timeout` is over",
  hangup: "the terminal was closed",
  interrupted: "interrupted with Ctrl-C",
  terminated: "ended with SIGTERM",
};

const head = `# The command line

<!-- Made by \`node scripts/write-cli-reference.ts\` from cli/command-table.ts. A test compares. -->

Data goes to stdout, everything else to stderr. \`--json\` prints one JSON document, \`-o jsonl\` one JSON document a line ([what a run's lines hold](events.md)).
\`stepwell COMMAND --help\` shows the same as this page.

A path names a run, \`TrainFlow/17\`; a task, \`TrainFlow/17/train/2\` (in nested foreaches \`score/2.0\`, outside of any \`/0\`); or an artifact, \`TrainFlow/17/train/2/accuracy\`. \`latest\` stands for your newest run, \`TrainFlow/latest\` for the newest of a flow.
`;

export function cliReference(): string {
  const shown = commands.filter((command) => command.hidden !== true);
  return [
    head,
    table(
      ["command", "what it does"],
      shown.map((command) => [`[${command.name}](#${anchor(command)})`, command.summary]),
    ),
    ...shown.map(section),
    `## Options of every command\n\n${optionTable(globalOptions)}`,
    `## Exit codes\n\n${table(["code", "meaning"], exitRows())}`,
  ].join("\n");
}

function exitRows(): string[][] {
  return Object.entries(exitCodes).map(([name, code]) => [String(code), meanings[name as keyof typeof exitCodes]]);
}

function section(command: CommandSpec): string {
  const parameters = command.takesParameters === true ? ["[--PARAMETER VALUE ...]"] : [];
  const usage = ["stepwell", command.name, ...command.operands.map(operandText), ...parameters, "[options]"].join(" ");
  const width = Math.max(...command.examples.map(([line]) => line.length));
  const examples = command.examples.map(([line, does]) => `${line.padEnd(width)}  # ${does}\n`).join("");
  const aliases = command.aliases === undefined ? "" : ` Also: ${command.aliases.map((alias) => `\`stepwell ${alias}\``).join(", ")}.`;
  return [
    `## ${command.name}`,
    `${command.summary[0]?.toUpperCase() ?? ""}${command.summary.slice(1)}.${aliases}`,
    `\`${usage}\``,
    `\`\`\`sh\n${examples}\`\`\``,
    ...(command.options.length === 0 ? [] : [optionTable(command.options).trimEnd()]),
    ...(command.notes === undefined ? [] : [command.notes.join("\n")]),
    "",
  ].join("\n\n");
}

function optionTable(options: readonly OptionSpec[]): string {
  return table(
    ["option", "meaning"],
    options.map((option) => [`\`${optionText(option)}\``, helpText(option)]),
  );
}

function optionText(option: OptionSpec): string {
  const short = option.short === undefined ? "" : `-${option.short}, `;
  const name = option.negatable === true && option.value === undefined ? `[no-]${option.name}` : option.name;
  return `${short}--${name}${option.value === undefined ? "" : ` ${option.value}`}`;
}

function helpText(option: OptionSpec): string {
  const choices = option.choices?.every((choice) => option.help.includes(choice)) === false ? `; one of ${option.choices.join(", ")}` : "";
  return `${option.help}${choices}${option.repeatable === true && option.value !== undefined ? " (may be repeated)" : ""}`;
}

function operandText(operand: OperandSpec): string {
  const name = operand.repeatable === true ? `${operand.name}...` : operand.name;
  return operand.required === true ? name : `[${name}]`;
}

function anchor(command: CommandSpec): string {
  return command.name.replaceAll(" ", "-");
}

function table(names: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |\n`;
  return [line(names), line(names.map(() => "---")), ...rows.map(line)].join("");
}
