// Questions to the person before a terminal. Where there is nobody, flags must have answered.

import { createInterface } from "node:readline/promises";
import { CliError } from "../cli-error.ts";
import type { Context } from "../context.ts";

export function isAnybodyThere(context: Context): boolean {
  return context.terminal.keys?.().isTTY === true && context.terminal.err.isTTY;
}

/** What is typed, or the usual answer. @throws CliError missing where nobody can be asked */
export async function ask(
  context: Context,
  question: string,
  { usual = "", flag }: { readonly usual?: string; readonly flag: string },
): Promise<string> {
  if (!isAnybodyThere(context)) throw new CliError("missing", `${flag} is missing, and nobody is there to ask`);
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const aborted = new AbortController();
    lines.once("SIGINT", () => aborted.abort());
    const answer = await lines.question(`${question}${usual === "" ? "" : ` [${usual}]`}: `, { signal: aborted.signal });
    return answer.trim() === "" ? usual : answer.trim();
  } catch (error) {
    throw new CliError("missing", "nothing was changed", { cause: error });
  } finally {
    lines.close();
  }
}

/** @throws CliError missing where nobody can be asked */
export async function agree(context: Context, question: string): Promise<boolean> {
  if (context.options.flag("yes")) return true;
  if (!isAnybodyThere(context)) {
    throw new CliError("missing", "nobody is there to agree, and so nothing was changed", { hint: "--yes agrees beforehand" });
  }
  return /^y(es)?$/i.test(await ask(context, `${question} (y/N)`, { flag: "--yes" }));
}
