// The hints of one message while it is here: who has which, and when the server is told.
//
// C1. The message is acknowledged when each of its hints has been, and refused when the others are settled too.
// C2. What was acknowledged is not given again when the message comes again.

import type { QueuedTask } from "../../ports/task-queue.ts";

/** `done` for good; `refused` until the message comes again. */
type HintState = "waiting" | "given" | "refused" | "done";

/** What the server is to be told of the message. */
export type Verdict = { readonly kind: "open" } | { readonly kind: "acknowledge" } | { readonly kind: "refuse"; readonly delayMs: number };

export class Parcel {
  readonly #hints: readonly QueuedTask[];
  readonly #states: HintState[];
  /** No hint before it waits. */
  #cursor = 0;
  #delayMs = 0;
  ackSubject: string;
  takenOnceMs: number;

  constructor(hints: readonly QueuedTask[], delivered: { readonly ackSubject: string; readonly nowMs: number }) {
    this.#hints = hints;
    this.#states = hints.map(() => "waiting");
    this.ackSubject = delivered.ackSubject;
    this.takenOnceMs = delivered.nowMs;
  }

  /** The server has given it out once more. */
  cameAgain(delivered: { readonly ackSubject: string; readonly nowMs: number }): void {
    this.ackSubject = delivered.ackSubject;
    this.takenOnceMs = delivered.nowMs;
    this.#cursor = 0;
    this.#delayMs = 0;
    for (const [index, state] of this.#states.entries()) if (state !== "done") this.#states[index] = "waiting"; // C2
  }

  /** How many nobody has. */
  get waiting(): number {
    return this.#states.filter((state) => state === "waiting").length;
  }

  /** How many somebody has, or has acknowledged. */
  get taken(): number {
    return this.#states.filter((state) => state === "given" || state === "done").length;
  }

  /** The next that nobody has. */
  next(): { readonly index: number; readonly queued: QueuedTask } | null {
    for (; this.#cursor < this.#states.length; this.#cursor += 1) {
      const queued = this.#hints[this.#cursor];
      if (this.#states[this.#cursor] !== "waiting" || queued === undefined) continue;
      this.#states[this.#cursor] = "given";
      return { index: this.#cursor++, queued };
    }
    return null;
  }

  /** An acknowledgement counts however late it comes. */
  acknowledge(index: number): Verdict {
    if (this.#states[index] === "done") return { kind: "open" };
    this.#states[index] = "done";
    return this.#verdict();
  }

  refuse(index: number, delayMs: number): Verdict {
    if (this.#states[index] !== "given") return { kind: "open" };
    this.#states[index] = "refused";
    this.#delayMs = Math.max(this.#delayMs, delayMs);
    return this.#verdict();
  }

  /** C1 */
  #verdict(): Verdict {
    if (this.#states.some((state) => state === "waiting" || state === "given")) return { kind: "open" };
    return this.#states.includes("refused") ? { kind: "refuse", delayMs: this.#delayMs } : { kind: "acknowledge" };
  }
}
