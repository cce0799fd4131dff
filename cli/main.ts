// From the words on the command line to an exit code: finds the command, loads only what it needs, and gives every
// error its form and its exit code.

import { checkOperands, findCommand, parseArguments, type Parsed } from "./arguments.ts";
import { CliError, errorDocument, errorText, exitCodes, type ExitCode } from "./cli-error.ts";
import { globalOptions } from "./command-table.ts";
import { loadCommand } from "./command-loader.ts";
import type { Context } from "./context.ts";
import { asCliError } from "./known-errors.ts";
import { commandHelp, overviewHelp } from "./help.ts";
import { parseDuration } from "./format/duration.ts";
import { loadSettings, type LoadedSettings } from "./settings.ts";
import { openTerminal, type Environment, type Keys, type Stream } from "./terminal.ts";

export type Process = {
  readonly words: readonly string[];
  readonly env: Environment;
  readonly cwd: string;
  readonly stdout: Stream;
  readonly stderr: Stream;
  /** Opened where single keys are read. */
  readonly stdin?: () => Keys;
  readonly version: string;
};

/** Never throws: whatever happens has been said on the process's streams. */
export async function main(process: Process): Promise<ExitCode> {
  let loaded: LoadedSettings | null = null;
  try {
    const found = findCommand(process.words);
    if (found === null || found.command.name === "version") return overview(process, found === null ? process.words : ["--version"]);
    const parsed = parseArguments(found);
    if (parsed.options.flag("help")) return say(process, commandHelp(parsed.command));
    if (parsed.options.flag("version")) return say(process, `${process.version}\n`);
    checkOperands(parsed);
    loaded = loadSettings({ options: parsed.options, env: process.env, cwd: process.cwd });
    const command = await loadCommand(parsed.command.name);
    const context = contextOf(process, parsed, loaded);
    return parsed.command.followsRun === true ? await command(context) : await inTime(command(context), context.timeoutMs);
  } catch (error) {
    return fail(process, aboutCoordinator(asCliError(error), loaded), loaded);
  }
}

/** No command: help was asked for, or a command is missing. */
function overview(process: Process, words: readonly string[]): ExitCode {
  if (words[0] === "--version" || words[0] === "-V") return say(process, `${process.version}\n`);
  const known = new Set(globalOptions.flatMap((option) => [`--${option.name}`, `-${option.short}`]));
  const unknown = words.find((word) => word.startsWith("-") && !known.has(word.replace(/=.*$/s, "")));
  if (unknown !== undefined) throw new CliError("unknownOption", `stepwell has no option ${unknown}`, { hint: "see stepwell --help" });
  say(process, overviewHelp());
  return words.length > 0 ? exitCodes.ok : exitCodes.usage;
}

function say(process: Process, text: string): ExitCode {
  process.stdout.write(text);
  return exitCodes.ok;
}

function contextOf(process: Process, parsed: Parsed, { settings, origins }: LoadedSettings): Context {
  return {
    operands: parsed.operands,
    options: parsed.options,
    rest: parsed.rest,
    command: parsed.command,
    settings,
    origins,
    terminal: openTerminal(process, process.env, settings.color),
    quiet: parsed.options.flag("quiet"),
    timeoutMs: timeoutOf(parsed.options.text("timeout")),
    env: process.env,
    cwd: process.cwd,
    nowMs: Date.now,
  };
}

function timeoutOf(text: string | undefined): number | null {
  if (text === undefined) return null;
  const timeoutMs = parseDuration(text);
  if (timeoutMs === null) throw new CliError("badValue", `--timeout expects a duration like 30s, 10m or 2h, not "${text}"`);
  return timeoutMs;
}

async function inTime(command: Promise<ExitCode>, timeoutMs: number | null): Promise<ExitCode> {
  if (timeoutMs === null) return command;
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new CliError("timeout", "the time given by --timeout is over")), timeoutMs);
  return Promise.race([command, late.promise]).finally(() => clearTimeout(timer));
}

/** Whoever cannot reach a coordinator may have forgotten who named it. */
function aboutCoordinator(error: CliError, loaded: LoadedSettings | null): CliError {
  if (loaded === null || error.hint !== null || loaded.settings.coordinator === "" || loaded.settings.local) return error;
  if (error.kind !== "unavailable" && error.kind !== "unauthorized") return error;
  const lines = [`the coordinator is that of ${loaded.origins.coordinator}`];
  const hint = error.message.includes("does not answer")
    ? "start one with `stepwell coordinator` or `stepwell up`, or work without it: --local"
    : null;
  return new CliError(error.kind, error.message, { lines, hint, location: error.location, details: error.details, cause: error.cause });
}

function fail(process: Process, error: CliError, loaded: LoadedSettings | null): ExitCode {
  const json =
    loaded === null ? /^(--json|--output=jsonl?|-ojsonl?)$/m.test(process.words.join("\n")) : loaded.settings.output.startsWith("json");
  const { err } = openTerminal(process, process.env, loaded?.settings.color ?? "auto");
  if (json) process.stdout.write(`${JSON.stringify(errorDocument(error))}\n`);
  else err.write(errorText(error, err.paint));
  return error.exit;
}
