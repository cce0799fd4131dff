// Outcomes that a worker writes itself, since no task process could or one wrote too much.

import type { Failure } from "../../proto/failure.ts";
import type { TaskOutcome } from "../../proto/order.ts";
import { requestBytesMax } from "../../sdk/wire/channel-options.ts";

/** What a coordinator takes of one task: references, and the values that ride inline. Bytes. */
const outcomeBytesMax = requestBytesMax / 2;

/** What can be reported of it. */
export function reportable(outcome: Uint8Array): Uint8Array {
  return outcome.length <= outcomeBytesMax ? outcome : failedToStart(tooLarge(outcome.length));
}

export function failedToStart(message: string): Uint8Array {
  const failure: Failure = { kind: "start", message };
  const nowMs = Date.now();
  const usage = { startedAtMs: nowMs, finishedAtMs: nowMs, cpuMs: 0, peakMiB: 0 };
  const outcome: TaskOutcome = { kind: "failed", failure, artifacts: {}, usage };
  return Buffer.from(JSON.stringify(outcome));
}

function tooLarge(bytes: number): string {
  const mebibytes = (size: number): number => Math.ceil(size / 1024 / 1024);
  return `the outcome takes ${mebibytes(bytes)} MiB, and at most ${mebibytes(outcomeBytesMax)} can be reported: keep fewer artifacts, or hold them together in one`;
}
