// Passes on how far a step is: what it says last is always told, what it says in between at most once a second.

import { type Progress, progressLine } from "../../../sdk/flow/progress.ts";

const everyMs = 1000;

export class ProgressTeller {
  readonly #send: (line: string) => void;
  #waiting: Progress | null = null;
  #sentAtMs = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;

  constructor(send: (line: string) => void) {
    this.#send = send;
  }

  tell(progress: Progress): void {
    this.#waiting = progress;
    // A step that blocks its event loop lets no timer run: the time is looked at as well.
    const leftMs = this.#sentAtMs + everyMs - performance.now();
    if (leftMs <= 0) this.#sendNow();
    else this.#timer ??= setTimeout(() => this.#sendNow(), leftMs);
  }

  /** The attempt is over: what was held back is told, and the next attempt begins anew. */
  finish(): void {
    this.#sendNow();
    this.#sentAtMs = Number.NEGATIVE_INFINITY;
  }

  #sendNow(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#waiting === null) return;
    this.#send(progressLine(this.#waiting));
    this.#waiting = null;
    this.#sentAtMs = performance.now();
  }
}
