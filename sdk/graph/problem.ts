// What is wrong with a flow, where, and what its author can do about it.

import { problemCodes } from "./problem-codes.ts";
import type { ProblemCode, Severity } from "./problem-codes.ts";

/** A place in the author's source, with the text that stands there. Lines and columns are counted from 1. */
export type Place = { readonly file: string; readonly line: number; readonly column: number; readonly sourceLine: string | null };

export type Problem = {
  readonly code: ProblemCode;
  readonly severity: Severity;
  readonly message: string;
  /** Relative to the folder in which the command runs. */
  readonly file: string;
  /** Null where the problem has no line. */
  readonly line: number | null;
  readonly column: number | null;
  /** Text of the line. */
  readonly sourceLine: string | null;
  readonly hint: string | null;
};

/** `place` is a file alone where there is no line to point at. */
export function problem(
  code: ProblemCode,
  place: Place | string,
  text: { readonly message: string; readonly hint?: string | null },
): Problem {
  const at = typeof place === "string" ? { file: place, line: null, column: null, sourceLine: null } : place;
  const { file, line, column, sourceLine } = at;
  const { message, hint = null } = text;
  return { code, severity: problemCodes[code].severity, message, file, line, column, sourceLine, hint };
}

export function isError(problem: Problem): boolean {
  return problem.severity === "error";
}
