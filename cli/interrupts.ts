// Ctrl-C, SIGTERM, a closed terminal and --timeout: the first asks for an orderly end, the second ends at once.
//
// Invariants:
// N1. The first cause decides the exit code.
// N2. After `close` the process reacts to signals as Node does by itself.

import { exitCodes, type ExitCode } from "./cli-error.ts";

export type Interrupt = { readonly cause: "SIGINT" | "SIGTERM" | "SIGHUP" | "timeout"; readonly exit: ExitCode };

type Signal = Exclude<Interrupt["cause"], "timeout">;

const exits: Readonly<Record<Interrupt["cause"], ExitCode>> = {
  SIGINT: exitCodes.interrupted,
  SIGTERM: exitCodes.terminated,
  SIGHUP: exitCodes.hangup,
  timeout: exitCodes.timeout,
};

export type InterruptReactions = { readonly first: (interrupt: Interrupt) => void; readonly again: (interrupt: Interrupt) => void };

export class Interrupts {
  readonly #reactions: InterruptReactions;
  readonly #timer: NodeJS.Timeout | null;
  readonly #listeners: readonly (readonly [Signal, () => void])[];
  #first: Interrupt | null = null;

  constructor(timeoutMs: number | null, reactions: InterruptReactions) {
    this.#reactions = reactions;
    this.#listeners = (["SIGINT", "SIGTERM", "SIGHUP"] as const).map((signal) => [signal, () => this.#take(signal)] as const);
    for (const [signal, listener] of this.#listeners) process.on(signal, listener);
    this.#timer = timeoutMs === null ? null : setTimeout(() => this.#take("timeout"), timeoutMs);
  }

  /** What came first, if anything came. */
  get first(): Interrupt | null {
    return this.#first;
  }

  close(): void {
    for (const [signal, listener] of this.#listeners) process.off(signal, listener);
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  #take(cause: Interrupt["cause"]): void {
    if (this.#first === null) {
      this.#first = { cause, exit: exits[cause] };
      this.#reactions.first(this.#first);
    } else if (cause !== "timeout") {
      this.#reactions.again(this.#first);
    }
  }
}
