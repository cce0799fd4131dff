// What every command gets: its words, its settings, and where to write; and the few things that commands do alike.

import type { Options, Parsed } from "./arguments.ts";
import type { ExitCode } from "./cli-error.ts";
import type { Settings, Origins } from "./settings.ts";
import type { Environment, Terminal } from "./terminal.ts";

export type Context = {
  readonly operands: readonly string[];
  readonly options: Options;
  readonly rest: readonly string[];
  readonly command: Parsed["command"];
  readonly settings: Settings;
  readonly origins: Origins;
  readonly terminal: Terminal;
  readonly quiet: boolean;
  /** Of --timeout; null where the command may take as long as it takes. */
  readonly timeoutMs: number | null;
  readonly env: Environment;
  readonly cwd: string;
  readonly nowMs: () => number;
};

/** Commands return how they ended; what they cannot do they throw as a CliError. */
export type Command = (context: Context) => Promise<ExitCode>;

/** Data for programs: the whole as one document, or each item on a line of its own. */
export function printDocument(context: Context, document: unknown, items?: readonly unknown[]): void {
  const { out } = context.terminal;
  if (context.settings.output === "jsonl" && items !== undefined) out.write(items.map((item) => `${JSON.stringify(item)}\n`).join(""));
  else out.write(`${JSON.stringify(document)}\n`);
}

export function printLines(context: Context, lines: readonly string[]): void {
  if (lines.length > 0) context.terminal.out.write(`${lines.join("\n")}\n`);
}

/** What is not data: hints, footers, warnings. */
export function printNote(context: Context, text: string): void {
  if (!context.quiet) context.terminal.err.write(`${text}\n`);
}

export function wantsJson(context: Context): boolean {
  return context.settings.output === "json" || context.settings.output === "jsonl";
}
