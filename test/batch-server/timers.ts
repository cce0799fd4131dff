// Time in the server: what Batch takes minutes for may take milliseconds.
//
// T1. Durations of Batch itself (start, time-out, grace, lag) pass `scale` times as fast. Timestamps and the limits on calls do
//     not: those are between the server and clients that have an ordinary clock.

export type Timer = { cancel(): void };

export class Timers {
  readonly scale: number;
  readonly #pending = new Set<NodeJS.Timeout>();

  constructor(scale: number) {
    this.scale = scale;
  }

  after(ms: number, action: () => void): Timer {
    const timeout = setTimeout(() => {
      this.#pending.delete(timeout);
      action();
    }, ms / this.scale);
    this.#pending.add(timeout);
    return {
      cancel: () => {
        clearTimeout(timeout);
        this.#pending.delete(timeout);
      },
    };
  }

  close(): void {
    for (const timeout of this.#pending) clearTimeout(timeout);
    this.#pending.clear();
  }
}
