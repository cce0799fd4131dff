// Points in time: the local (or universal) clock for people, RFC 3339 in universal time for programs.

import { formatRough } from "./duration.ts";

export type TimeZone = "local" | "utc";

/** `12:04:31`. */
export function formatClock(atMs: number, zone: TimeZone): string {
  return parts(atMs, zone).clock;
}

/** `12:04 (8m ago)` within a day, `2026-11-23 12:04` before. */
export function formatStarted(atMs: number, now: { readonly nowMs: number; readonly zone: TimeZone }): string {
  const { day, clock } = parts(atMs, now.zone);
  const minutes = clock.slice(0, 5);
  const agoMs = now.nowMs - atMs;
  return agoMs < 24 * 3600 * 1000 ? `${minutes} (${formatRough(agoMs)} ago)` : `${day} ${minutes}`;
}

export function formatInstant(atMs: number): string {
  return new Date(atMs).toISOString();
}

export function formatInstantOrNull(atMs: number | null): string | null {
  return atMs === null ? null : formatInstant(atMs);
}

function parts(atMs: number, zone: TimeZone): { day: string; clock: string } {
  const offsetMs = zone === "utc" ? 0 : -new Date(atMs).getTimezoneOffset() * 60_000;
  const iso = new Date(atMs + offsetMs).toISOString();
  return { day: iso.slice(0, 10), clock: iso.slice(11, 19) };
}
