// Text in columns, and cutting and padding by the width that a terminal gives to it.

import { createRequire } from "node:module";

export type Column = { readonly title: string; readonly align?: "left" | "right" };

/** A header and a line for each row, two spaces between columns, no spaces at the ends of lines. */
export function tableLines(columns: readonly Column[], rows: readonly (readonly string[])[]): string[] {
  const titles = columns.map((column) => column.title);
  const all = columns.some((column) => column.title !== "") ? [titles, ...rows] : rows;
  const widths = columns.map((_, index) => Math.max(...all.map((row) => widthOf(row[index] ?? "")), 0));
  return all.map((row) =>
    columns
      .map((column, index) => pad(row[index] ?? "", widths[index] ?? 0, column.align ?? "left"))
      .join("  ")
      .trimEnd(),
  );
}

export function pad(text: string, width: number, align: "left" | "right"): string {
  const space = " ".repeat(Math.max(0, width - widthOf(text)));
  return align === "left" ? text + space : space + text;
}

// One column each, wherever they are shown: Latin, Greek and Cyrillic letters, and the signs that this command prints.
const narrow =
  /^[\u0020-\u007e\u00a0-\u00ac\u00ae-\u02ff\u0370-\u0482\u048a-\u058f\u2010-\u2027\u2190-\u2193\u2260\u2500-\u259f\u25a0\u25b6\u2713\u2717]*$/;
// oxlint-disable-next-line no-control-regex -- colours are escape sequences
const colors = /\u001B\[[0-9;]*m/g;

/** Columns of a terminal. The library that knows all of Unicode takes longer to load than Node to start: only for those who need it. */
export function widthOf(text: string): number {
  const plain = text.includes("\u001B") ? text.replace(colors, "") : text;
  if (narrow.test(plain)) return plain.length;
  const library: { readonly default: (text: string) => number } = createRequire(import.meta.url)("string-width");
  return library.default(plain);
}

// oxlint-disable-next-line no-control-regex -- colours are escape sequences
const colorAt = /\u001B\[[0-9;]*m/y;

/** At most `width` columns; what is cut is shown by an ellipsis. Colours are kept whole and closed. */
export function cut(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  let kept = "";
  let used = 0;
  let coloured = false;
  for (let at = 0; at < text.length;) {
    colorAt.lastIndex = at;
    const colour = colorAt.exec(text)?.[0];
    if (colour !== undefined) {
      kept += colour;
      coloured = true;
      at += colour.length;
      continue;
    }
    const character = String.fromCodePoint(text.codePointAt(at) ?? 0);
    used += widthOf(character);
    if (used > width - 1) break;
    kept += character;
    at += character.length;
  }
  return `${kept}…${coloured ? "\u001B[0m" : ""}`;
}
