// Parsing: from the words after `stepwell` to a command with its options and operands, or an error that helps.

import { CliError } from "./cli-error.ts";
import type { CommandSpec, OptionSpec } from "./command-spec.ts";
import { commands, globalOptions } from "./command-table.ts";
import { didYouMean } from "./format/suggestion.ts";

export type Parsed = {
  readonly command: CommandSpec;
  readonly operands: readonly string[];
  readonly options: Options;
  /** Words from the first unknown option on: the parameters of a flow that has not been read yet. */
  readonly rest: readonly string[];
};

/** Options that were given, by name; flags are "true" or "false". */
export class Options {
  readonly #values: Map<string, string[]>;

  constructor(values: Map<string, string[]>) {
    this.#values = values;
  }

  text(name: string): string | undefined {
    return this.#values.get(name)?.at(-1);
  }

  texts(name: string): readonly string[] {
    return this.#values.get(name) ?? [];
  }

  /** Null where neither `--name` nor `--no-name` was given. */
  choice(name: string): boolean | null {
    const text = this.text(name);
    return text === undefined ? null : text === "true";
  }

  flag(name: string): boolean {
    return this.choice(name) === true;
  }

  integer(name: string, least = 1): number | undefined {
    const text = this.text(name);
    return text === undefined ? undefined : parseInteger(text, `--${name}`, least);
  }
}

/** @throws CliError badValue */
export function parseInteger(text: string, what: string, least: number): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < least) {
    throw new CliError("badValue", `${what} expects a whole number of at least ${least}, not "${text}"`);
  }
  return value;
}

/** The command that the words begin with; global options may stand before it. */
export type Found = { readonly command: CommandSpec; readonly words: readonly string[] };

/** Null where no command is named. @throws CliError unknownCommand */
export function findCommand(words: readonly string[]): Found | null {
  const at = firstBareWord(words);
  const name = words[at];
  if (name === undefined) return null;
  const before = words.slice(0, at);
  const second = words[at + 1];
  const two = second === undefined ? undefined : byName(`${name} ${second}`);
  if (two !== undefined) return { command: two, words: [...before, ...words.slice(at + 2)] };
  const one = byName(name);
  if (one !== undefined) return { command: one, words: [...before, ...words.slice(at + 1)] };
  throw unknownCommand(name, second);
}

/** Says which options exist for the words after the command's name. @throws CliError */
export function parseArguments(found: Found): Parsed {
  const { command } = found;
  const reader = new WordReader(found.words, [...command.options, ...globalOptions]);
  const operands: string[] = [];
  const rest: string[] = [];
  for (let word = reader.next(); word !== undefined; word = reader.next()) {
    if (reader.literal || !isOption(word)) {
      (rest.length > 0 && !reader.literal ? rest : operands).push(word);
    } else if (!reader.readOption(word)) {
      if (command.takesParameters !== true) throw unknownOption(word, command);
      rest.push(word);
    }
  }
  const parsed = { command, operands, options: new Options(reader.values), rest };
  return parsed.options.flag("help") ? parsed : withFlowFile(parsed);
}

/** @throws CliError missing, unexpected */
export function checkOperands(parsed: Parsed): void {
  const { command, operands } = parsed;
  const required = command.operands.filter((operand) => operand.required === true);
  const missing = required[operands.length];
  if (missing !== undefined) {
    throw new CliError("missing", `stepwell ${command.name} needs ${missing.name}`, { hint: `for example: ${command.examples[0]?.[0]}` });
  }
  const repeatable = command.operands.some((operand) => operand.repeatable === true);
  const extra = operands[command.operands.length];
  if (extra !== undefined && !repeatable) {
    const verbs = commands.filter(({ name }) => name.startsWith(`${command.name} `)).map(({ name }) => name.slice(command.name.length + 1));
    throw new CliError("unexpected", `stepwell ${command.name} doesn't know what to do with "${extra}"`, {
      hint: didYouMean(extra, verbs) ?? `see stepwell ${command.name} --help`,
    });
  }
}

export function unknownOption(word: string, command: CommandSpec, parameters: readonly string[] = []): CliError {
  const typed = word.replace(/^--?/, "").replace(/=.*$/s, "");
  const known = [...command.options, ...globalOptions].map((option) => option.name);
  const suggestion = didYouMean(
    `--${typed}`,
    [...parameters, ...known].map((name) => `--${name}`),
  );
  return new CliError("unknownOption", `stepwell ${command.name} has no option ${word.replace(/=.*$/s, "")}`, {
    hint: suggestion ?? `see stepwell ${command.name} --help`,
  });
}

/** Walks over words and collects the values of known options. */
class WordReader {
  readonly values = new Map<string, string[]>();
  /** After `--`: words are operands, whatever they look like. */
  literal = false;
  readonly #words: string[];
  readonly #known: readonly OptionSpec[];

  constructor(words: readonly string[], known: readonly OptionSpec[]) {
    this.#words = [...words];
    this.#known = known;
  }

  next(): string | undefined {
    const word = this.#words.shift();
    if (word !== "--" || this.literal) return word;
    this.literal = true;
    return this.#words.shift();
  }

  /** False where the option is unknown. */
  readOption(word: string): boolean {
    if (!word.startsWith("--")) return this.#readShort(word);
    const equals = word.indexOf("=");
    const name = word.slice(2, equals === -1 ? undefined : equals);
    const inline = equals === -1 ? null : word.slice(equals + 1);
    const option = this.#known.find((candidate) => candidate.name === name);
    if (option !== undefined) return this.#take(option, inline);
    const positive = this.#known.find((candidate) => candidate.negatable === true && `no-${candidate.name}` === name);
    if (positive === undefined || inline !== null) return false;
    this.#keep(positive, positive.value === undefined ? "false" : "never");
    return true;
  }

  /** `-q`, `-o json`, `-ojson`, `-vv`. */
  #readShort(word: string): boolean {
    const option = this.#known.find((candidate) => candidate.short === word[1]);
    if (option === undefined) return false;
    if (option.value !== undefined) return this.#take(option, word.length > 2 ? word.slice(2).replace(/^=/, "") : null);
    this.#keep(option, "true");
    return word.length === 2 ? true : this.#readShort(`-${word.slice(2)}`);
  }

  #take(option: OptionSpec, inline: string | null): true {
    if (option.value === undefined) {
      if (inline !== null && inline !== "true" && inline !== "false") {
        throw new CliError("badValue", `--${option.name} takes no value, but got "${inline}"`);
      }
      this.#keep(option, inline ?? "true");
      return true;
    }
    const value = inline ?? this.#words[0];
    if (value === undefined || (inline === null && value.startsWith("--"))) {
      throw new CliError("missing", `--${option.name} needs a value: --${option.name} ${option.value}`);
    }
    if (inline === null) this.#words.shift();
    if (option.choices !== undefined && !option.choices.includes(value)) throw badChoice(option, value);
    this.#keep(option, value);
    return true;
  }

  #keep(option: OptionSpec, value: string): void {
    const list = this.values.get(option.name);
    if (list === undefined) this.values.set(option.name, [value]);
    else list.push(value);
  }
}

function badChoice(option: OptionSpec, value: string): CliError {
  const choices = option.choices ?? [];
  return new CliError("badValue", `--${option.name} is one of ${choices.join(", ")}, not "${value}"`, { hint: didYouMean(value, choices) });
}

/** `stepwell run --rate 0.2 flow.ts`: the file stands among the words that could not be told apart yet. */
function withFlowFile(parsed: Parsed): Parsed {
  const wanted = parsed.command.operands[0];
  if (wanted?.kind !== "flowFile" || parsed.operands.length > 0) return parsed;
  const at = parsed.rest.findIndex((word) => /\.[cm]?[jt]sx?(:\w+)?$/.test(word));
  const file = parsed.rest[at];
  return file === undefined ? parsed : { ...parsed, operands: [file], rest: parsed.rest.toSpliced(at, 1) };
}

function firstBareWord(words: readonly string[]): number {
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? "";
    if (!isOption(word)) return at;
    const option = globalOptions.find((candidate) => `--${candidate.name}` === word || `-${candidate.short}` === word);
    if (option?.value !== undefined) at += 1;
  }
  return words.length;
}

function isOption(word: string): boolean {
  return word.startsWith("-") && word.length > 1 && !/^-[\d.]/.test(word);
}

function byName(name: string): CommandSpec | undefined {
  return commands.find((command) => command.name === name || command.aliases?.includes(name) === true);
}

/** `drain` is what somebody types who means `worker drain`. */
function secondWord(name: string): string | null {
  const meant = commands.filter((command) => command.name.endsWith(` ${name}`) && command.hidden !== true);
  return meant.length === 0 ? null : `did you mean ${meant.map((command) => `"${command.name}"`).join(" or ")}?`;
}

function unknownCommand(name: string, next: string | undefined): CliError {
  const second = next === undefined || isOption(next) ? undefined : next;
  const group = commands.filter((command) => command.name.startsWith(`${name} `));
  if (group.length > 0) {
    const verbs = group.map((command) => command.name.slice(name.length + 1));
    const hint = (second === undefined ? null : didYouMean(second, verbs)) ?? `see stepwell ${group[0]?.name} --help`;
    if (second === undefined) return new CliError("missing", `stepwell ${name} needs one of: ${verbs.join(", ")}`, { hint });
    return new CliError("unknownCommand", `stepwell ${name} has no command "${second}": ${verbs.join(", ")}`, { hint });
  }
  const names = [
    ...new Set(
      commands.filter((command) => command.hidden !== true).flatMap((command) => [command.name, command.name.split(" ")[0] ?? ""]),
    ),
  ];
  const file = /\.[cm]?[jt]sx?$/.test(name) ? `to run a flow: stepwell run ${name}` : null;
  return new CliError("unknownCommand", `there is no command "${name}"`, {
    hint: file ?? secondWord(name) ?? didYouMean(name, names) ?? "see stepwell --help",
  });
}
