// A problem as people read it: the headline, the line of the source with a mark, and the hint.

import { createColors } from "picocolors";
import type { Problem } from "./problem.ts";

/** Longer lines are cut around the mark. */
const lineCharactersMax = 160;

/** Without a newline at its end. */
export function formatProblem(problem: Problem, options: { readonly color: boolean }): string {
  const paint = createColors(options.color);
  const { code, severity, message, file, line, column, hint } = problem;
  const severe = severity === "error" ? paint.red : paint.yellow;
  const place = line === null ? file : column === null ? `${file}:${line}` : `${file}:${line}:${column}`;
  const hints = hint === null ? [] : [`  ${paint.cyan("hint:")} ${hint}`];
  return [
    `${severe(paint.bold(`${severity}[${code}]:`))} ${message}`,
    `  ${paint.dim("-->")} ${place}`,
    ...excerpt(problem, severe),
    ...hints,
  ].join("\n");
}

function excerpt({ line, column, sourceLine }: Problem, severe: (text: string) => string): readonly string[] {
  if (line === null || column === null || sourceLine === null) return [];
  const number = String(line).padStart(5);
  const from = sourceLine.length > lineCharactersMax ? Math.max(0, column - lineCharactersMax / 2) : 0;
  const shown = sourceLine.slice(from, from + lineCharactersMax);
  // Tabs stay tabs under the line, so that the mark stands where the text does.
  const blank = shown.slice(0, column - 1 - from).replace(/[^\t]/g, " ");
  return [`${number} | ${shown}`, `${" ".repeat(number.length)} | ${blank}${severe("^")}`];
}
