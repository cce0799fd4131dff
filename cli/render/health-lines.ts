// Which parts of a coordinator are not well, since when, and why: for who wonders why nothing goes on.

import type { HealthPart, HealthView } from "../../proto/health.ts";
import { formatClock, type TimeZone } from "../format/time.ts";

const names: Readonly<Record<HealthPart["part"], string>> = { ledger: "the ledger", queue: "the task queue", store: "the artifact store" };

export function troubled({ parts }: HealthView): readonly HealthPart[] {
  return parts.filter(({ status }) => status !== "ok");
}

/** `the task queue is unreachable since 12:04:31: connection refused`; nothing where all is well. */
export function healthLines(view: HealthView, zone: TimeZone): readonly string[] {
  return troubled(view).map((part) => troubleText(part, zone));
}

export function troubleText({ part, status, sinceMs, reason }: HealthPart, zone: TimeZone): string {
  const how = status === "degraded" ? "is unreachable" : "cannot be used";
  const since = sinceMs === null ? "" : ` since ${formatClock(sinceMs, zone)}`;
  return `${names[part]} ${how}${since}${reason === null ? "" : `: ${reason}`}`;
}

/** For programs. */
export function healthDocuments(view: HealthView): readonly object[] {
  return troubled(view).map(({ part, status, sinceMs, reason }) => ({
    part,
    status,
    since: sinceMs === null ? null : new Date(sinceMs).toISOString(),
    reason,
  }));
}
