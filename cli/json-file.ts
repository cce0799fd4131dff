// JSON files that people write for the command line: settings and parameters.

import { readFileSync } from "node:fs";
import { CliError, type ErrorKind } from "./cli-error.ts";

/** What the file is for, the kind of its errors, and what its content could look like. */
export type JsonFile = { readonly path: string; readonly of: string; readonly kind: ErrorKind; readonly example: string };

/** @throws CliError of the file's kind */
export function readJsonObject({ path, of, kind, example }: JsonFile): Record<string, unknown> {
  const hint = `like ${example}`;
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw new CliError(kind, whyUnreadable(error, path, of), { hint: error instanceof SyntaxError ? hint : null });
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) {
    throw new CliError(kind, `${path} must hold a JSON object of ${of}`, { hint });
  }
  return { ...parsed };
}

function whyUnreadable(error: unknown, path: string, of: string): string {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof SyntaxError) return `${path} is not valid JSON: ${message}`;
  switch (error instanceof Error && "code" in error ? error.code : null) {
    case "ENOENT":
      return `there is no file of ${of} ${path}`;
    case "EISDIR":
      return `${path} is a folder, not a file of ${of}`;
    default:
      return `${of} cannot be read from ${path}: ${message}`;
  }
}
