// Notices that this process stood still: stopped, frozen with its container, or asleep with its machine.

/** Both clocks are asked, since the steady one stands still with the machine and the other may be set. */
type Moment = { readonly steadyMs: number; readonly wallMs: number };

export class Wakefulness {
  #last = now();

  /** Since it was asked last. */
  awayMs(): number {
    const last = this.#last;
    this.#last = now();
    return Math.max(this.#last.steadyMs - last.steadyMs, this.#last.wallMs - last.wallMs);
  }
}

function now(): Moment {
  return { steadyMs: performance.now(), wallMs: Date.now() };
}
