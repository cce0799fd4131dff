// How many tasks workers begin in a moment. So many may be published ahead of need, since whoever comes meanwhile waits no longer
// for it than that moment; and what is published together shares a message, which costs more than the hint in it.
//
// H1. It is what the last moment was like, and nothing where that is long ago: one slow task ends it.

/** Milliseconds. */
export const momentMs = 50;

export class Haste {
  #sinceMs = -Infinity;
  #count = 0;
  #tasks = 0;

  /** In the last moment that is over. */
  get tasks(): number {
    return this.#tasks;
  }

  began(nowMs: number): void {
    const passedMs = nowMs - this.#sinceMs;
    if (passedMs >= momentMs) {
      this.#tasks = passedMs < 2 * momentMs ? this.#count : 0; // H1
      this.#sinceMs = nowMs;
      this.#count = 0;
    }
    this.#count += 1;
  }
}
