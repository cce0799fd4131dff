// Text in columns, and cutting and padding by the width that a terminal gives to it.

import stringWidth from "string-width";

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

export function widthOf(text: string): number {
  return /^[\x20-\x7e]*$/.test(text) ? text.length : stringWidth(text);
}

// oxlint-disable-next-line no-control-regex -- colours are escape sequences
const ansi = /\u001B\[[0-9;]*m/y;

/** At most `width` columns; what is cut is shown by an ellipsis. Colours are kept whole and closed. */
export function cut(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  let kept = "";
  let used = 0;
  let coloured = false;
  for (let at = 0; at < text.length;) {
    ansi.lastIndex = at;
    const colour = ansi.exec(text)?.[0];
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
