// The end of a log file, for an error that the log explains.

import { existsSync, readFileSync } from "node:fs";

const linesMax = 5;

/** What a JSON line says, without its other fields. */
export function lastLines(file: string): readonly string[] {
  if (!existsSync(file)) return [];
  return readFileSync(file, "utf8").trimEnd().split("\n").slice(-linesMax).map(plain);
}

function plain(line: string): string {
  try {
    const said: unknown = JSON.parse(line);
    return typeof said === "object" && said !== null && "msg" in said ? String(said.msg) : line;
  } catch {
    return line;
  }
}
