// Points in time as people type them: `24h` (ago), `2026-11-24`, or a full RFC 3339 time.

import { CliError } from "./cli-error.ts";
import { parseDuration } from "./format/duration.ts";

/** Null where the option was not given. @throws CliError badValue */
export function parseMoment(text: string | undefined, option: string, nowMs: number): number | null {
  if (text === undefined) return null;
  const agoMs = parseDuration(text);
  if (agoMs !== null) return nowMs - agoMs;
  const atMs = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text.length === 10 ? `${text}T00:00:00` : text) : Number.NaN;
  if (Number.isNaN(atMs))
    throw new CliError("badValue", `${option} expects a time like 24h, 2026-11-24 or 2026-11-24T12:00:00Z, not "${text}"`);
  return atMs;
}
