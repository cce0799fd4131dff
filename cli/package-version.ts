// The version of this package, from its own description.

import { existsSync, readFileSync } from "node:fs";

let version: string | null = null;

export function packageVersion(): string {
  return (version ??= read());
}

/** One folder above the source, two above the built files. */
function read(): string {
  const beside = new URL("../package.json", import.meta.url);
  const file = existsSync(beside) ? beside : new URL("../../package.json", import.meta.url);
  const parsed: unknown = JSON.parse(readFileSync(file, "utf8"));
  if (typeof parsed === "object" && parsed !== null && "version" in parsed && typeof parsed.version === "string") return parsed.version;
  throw new Error(`${file.pathname} has no version`);
}
