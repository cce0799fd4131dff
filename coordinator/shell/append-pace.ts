// How long an append waits for more to share it. The ledger's sync holds up everything that goes on in this process, so
// where outcomes come quickly one after the other, fewer and larger appends let more of them come.
//
// A1. A run whose next step waits for this one's outcome is not held up, but for a probe now and then: waiting is worth it
//     only where something else comes meanwhile, and that is seen by trying.

/** The longest wait, in times that the last append took. Where appends take no time, none waits. */
const waitMax = 8;
/** Nobody sees such a delay. Milliseconds. */
const waitMsMax = 20;
const probeMs = 1;
/** Appends that leave at once after a wait was in vain. */
const restAfterVain = 64;
/** Appends that follow each other more slowly than this don't hold anybody up. Milliseconds. */
const closeMs = 4;

export class AppendPace {
  #waitMs = 0;
  #rest = 0;
  #lastEndMs = -Infinity;

  /** How long to wait with an append that could leave now. */
  waitMs(nowMs: number): number {
    return Math.max(0, Math.min(this.#waitMs, this.#lastEndMs + this.#waitMs - nowMs));
  }

  /** An append has ended that began at `beganMs` and held so many decisions that somebody waits for. */
  ended(decisions: number, beganMs: number, nowMs: number): void {
    const isClose = beganMs - this.#lastEndMs < closeMs;
    this.#lastEndMs = nowMs;
    if (decisions > 1) this.#waitMs = Math.min(waitMsMax, waitMax * (nowMs - beganMs), Math.max(probeMs, 2 * this.#waitMs));
    else if (this.#waitMs > 0) {
      this.#waitMs = 0;
      this.#rest = restAfterVain;
    } else if (this.#rest > 0) this.#rest -= 1;
    else if (isClose) this.#waitMs = Math.min(probeMs, nowMs - beganMs);
  }
}
