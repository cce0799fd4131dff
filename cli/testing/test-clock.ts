// The time of a tested flow: a test's own clock, or the machine's with the waits between attempts left out.

import type { ManualClock } from "../../coordinator/adapters/manual-clock.ts";
import { SystemClock } from "../../coordinator/adapters/system-clock.ts";

export class TestClock {
  readonly #manual: ManualClock | null;
  readonly #system = new SystemClock();
  /** How far the machine's clock was left behind. */
  #passedMs = 0;

  constructor(manual: ManualClock | null) {
    this.#manual = manual;
  }

  nowMs(): number {
    return this.#manual?.nowMs() ?? this.#system.nowMs() + this.#passedMs;
  }

  /** Calls back once, not before `delayMs`. Returns the function that cancels it. */
  after(delayMs: number, callback: () => void): () => void {
    return (this.#manual ?? this.#system).after(delayMs, callback);
  }

  /** Nothing happens until then. */
  passUntil(dueMs: number): void {
    const ms = Math.max(0, dueMs - this.nowMs());
    if (this.#manual === null) this.#passedMs += ms;
    else this.#manual.advance(ms);
  }
}
