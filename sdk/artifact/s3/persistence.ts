// Tries again what may work later, with growing waits of random length, and gives up after a time without progress.

import { RequestFailure, triesMax } from "./request-failure.ts";

export type Pacing = {
  /** How long a request is tried without any progress. */
  readonly giveUpMs: number;
  readonly waitMsMin: number;
  readonly waitMsMax: number;
  readonly sleep: (ms: number) => Promise<void>;
  readonly nowMs: () => number;
  /** From 0 to 1. */
  readonly random: () => number;
};

export const defaultPacing: Pacing = {
  giveUpMs: 60_000,
  waitMsMin: 100,
  waitMsMax: 5_000,
  // A wait of its own must not end before the wait is over, so it keeps the process alive.
  sleep: (ms) => new Promise((resolve) => void setTimeout(resolve, ms)),
  nowMs: () => performance.now(),
  random: Math.random,
};

/** One request's tries. Those that wait together are spread out by chance. */
export class Tries {
  readonly #pacing: Pacing;
  #failures = 0;
  #sinceMs: number;

  constructor(pacing: Pacing) {
    this.#pacing = pacing;
    this.#sinceMs = pacing.nowMs();
  }

  /** Part of the work is done: what comes next is tried anew. */
  progress(): void {
    this.#failures = 0;
    this.#sinceMs = this.#pacing.nowMs();
  }

  /** Waits until another try makes sense. @throws the error, when none does */
  async after(error: unknown): Promise<void> {
    if (!(error instanceof RequestFailure)) throw error;
    const { giveUpMs, waitMsMin, waitMsMax, sleep, nowMs, random } = this.#pacing;
    this.#failures += 1;
    if (this.#failures >= triesMax(error.reason)) throw error;
    const wait = Math.min(waitMsMax, waitMsMin * 2 ** (this.#failures - 1)) * (0.5 + random() / 2);
    if (nowMs() + wait - this.#sinceMs > giveUpMs) throw error;
    await sleep(wait);
  }
}

export async function persist<Result>(pacing: Pacing, attempt: () => Promise<Result>): Promise<Result> {
  const tries = new Tries(pacing);
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      await tries.after(error);
    }
  }
}
