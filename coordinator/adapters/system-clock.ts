// The clock of the machine.

import type { Clock } from "../ports/clock.ts";

/** The longest delay that a Node timer takes; longer ones are waited for in pieces. */
const timerDelayMsMax = 2 ** 31 - 1;

export class SystemClock implements Clock {
  nowMs(): number {
    return Date.now();
  }

  monotonicMs(): number {
    return performance.now();
  }

  after(delayMs: number, callback: () => void, options?: { readonly background: boolean }): () => void {
    const dueMs = performance.now() + delayMs;
    let timer: NodeJS.Timeout;
    const wait = (): void => {
      const leftMs = dueMs - performance.now();
      // A timer may fire a fraction of a millisecond early; the promise is "not before".
      timer = setTimeout(
        () => (performance.now() < dueMs ? wait() : callback()),
        Math.min(Math.max(Math.ceil(leftMs), 0), timerDelayMsMax),
      );
      if (options?.background === true) timer.unref();
    };
    wait();
    return () => clearTimeout(timer);
  }
}
