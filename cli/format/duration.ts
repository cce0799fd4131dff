// Durations as people read them, `0.4s` to `3d04h`, and as they type them, `30s` to `2h`.

const secondMs = 1000;
const minuteMs = 60 * secondMs;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

/** Milliseconds below a tenth of a second, tenths of seconds below a minute; above, two whole units. */
export function formatDuration(durationMs: number): string {
  const ms = Math.max(0, durationMs);
  if (ms < 99.5) return `${Math.round(ms)}ms`;
  if (ms < 59_950) return `${(ms / secondMs).toFixed(1)}s`;
  const seconds = Math.round(ms / secondMs);
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m${twoDigits(seconds % 60)}s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)}h${twoDigits(minutes % 60)}m`;
  const hours = Math.round(minutes / 60);
  return `${Math.floor(hours / 24)}d${twoDigits(hours % 24)}h`;
}

/** One unit only: `8m`, for "8m ago" and "ETA ~2m". */
export function formatRough(durationMs: number): string {
  const ms = Math.max(0, durationMs);
  if (ms < minuteMs) return `${Math.round(ms / secondMs)}s`;
  if (ms < hourMs) return `${Math.round(ms / minuteMs)}m`;
  if (ms < dayMs) return `${Math.round(ms / hourMs)}h`;
  return `${Math.round(ms / dayMs)}d`;
}

const unitsMs: Readonly<Record<string, number>> = { ms: 1, s: secondMs, m: minuteMs, h: hourMs, d: dayMs };

/** `90s`, `1.5h`, `1h30m`; null where the text is no duration. */
export function parseDuration(text: string): number | null {
  if (!/^(\d+(\.\d+)?(ms|s|m|h|d))+$/.test(text)) return null;
  let totalMs = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)) totalMs += Number(amount) * (unitsMs[unit ?? ""] ?? 0);
  return totalMs;
}

function twoDigits(value: number): string {
  return String(value).padStart(2, "0");
}
