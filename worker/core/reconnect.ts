// How long a worker waits before it opens a stream again.
//
// R1. Waits double up to `retryMsMax`, and each is spread, so that many workers of one coordinator don't come at once.

export type Try = {
  readonly failedTries: number;
  /** Before the first welcome a worker may merely be there a moment before its coordinator is. */
  readonly wasWelcomed: boolean;
  /** From 0 to below 1, equally likely. */
  readonly draw: number;
};

const retryMsMin = 200;
const firstRetryMsMin = 20;
export const retryMsMax = 5000;

export function nextRetryMs({ failedTries, wasWelcomed, draw }: Try): number {
  const longest = Math.min(retryMsMax, (wasWelcomed ? 2 * retryMsMin : firstRetryMsMin) * 2 ** failedTries);
  return longest * (0.5 + draw / 2);
}
