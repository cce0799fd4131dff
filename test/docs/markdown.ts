// Reads the fenced blocks of a Markdown file, in order. The words after the language say what a block is for:
// "```ts weather.ts" is a file, "```diff weather.ts" a change to one, "```sh exit=1" commands that end with code 1.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../command.ts";

export type Block = {
  readonly language: string;
  /** What follows the language on the opening line. */
  readonly note: string;
  readonly text: string;
  /** The nearest heading above. */
  readonly heading: string;
  /** Of the opening line, counted from 1. */
  readonly line: number;
};

export function readMarkdown(file: string): string {
  return readFileSync(join(root, file), "utf8");
}

export function blocksOf(markdown: string): readonly Block[] {
  const blocks: Block[] = [];
  let heading = "";
  let open: { readonly language: string; readonly note: string; readonly line: number; readonly lines: string[] } | null = null;
  for (const [index, line] of markdown.split("\n").entries()) {
    const fence = /^```(\S*) ?(.*)$/.exec(line);
    if (open !== null && line === "```") {
      const { lines, ...rest } = open;
      blocks.push({ ...rest, heading, text: lines.map((text) => `${text}\n`).join("") });
      open = null;
    } else if (open !== null) open.lines.push(line);
    else if (fence !== null) open = { language: fence[1] ?? "", note: fence[2] ?? "", line: index + 1, lines: [] };
    else heading = /^#+ (.*)$/.exec(line)?.[1] ?? heading;
  }
  if (open !== null) throw new Error(`the block that opens in line ${open.line} is never closed`);
  return blocks;
}

/** The part of a document under a heading of the second level, with the smaller headings below it. */
export function sectionOf(markdown: string, heading: string): string {
  const from = markdown.indexOf(`\n## ${heading}\n`);
  if (from < 0) throw new Error(`there is no heading "## ${heading}"`);
  const to = markdown.indexOf("\n## ", from + 1);
  return markdown.slice(from, to < 0 ? undefined : to);
}

/** Applies a block that shows lines to remove (`-`), to add (`+`) and to leave (` `). What it removes must occur once. */
export function patched(text: string, diff: string): string {
  const lines = diff.split("\n").filter((line) => line !== "");
  const side = (mark: string): string => lines.flatMap((line) => (line[0] === mark ? [] : [`${line.slice(1)}\n`])).join("");
  const [before, after] = [side("+"), side("-")];
  const parts = text.split(before);
  if (parts.length !== 2) throw new Error(`found ${parts.length - 1} times instead of once:\n${before}`);
  return parts.join(after);
}
