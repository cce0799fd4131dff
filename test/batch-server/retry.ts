// Whether an attempt that failed is tried again, as `evaluateOnExit` says.

import type { AttemptDetail, RetryStrategy } from "@aws-sdk/client-batch";

/** The first rule of which all conditions match decides; without one, the attempt is repeated. */
export function isRetried(retry: RetryStrategy, attempt: AttemptDetail): boolean {
  const rule = (retry.evaluateOnExit ?? []).find(({ onExitCode, onReason, onStatusReason }) => {
    const pairs = [
      [onExitCode, attempt.container?.exitCode],
      [onReason, attempt.container?.reason],
      [onStatusReason, attempt.statusReason],
    ] as const;
    return pairs.every(([pattern, value]) => pattern === undefined || isMatch(pattern, value));
  });
  return rule === undefined || rule.action?.toUpperCase() === "RETRY";
}

function isMatch(pattern: string, value: string | number | undefined): boolean {
  const [wanted, text] = [pattern.toLowerCase(), String(value ?? "").toLowerCase()];
  return wanted.endsWith("*") ? text.startsWith(wanted.slice(0, -1)) : text === wanted;
}
