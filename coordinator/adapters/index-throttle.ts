// Decides when a run's line in the list of runs is written. Invariants: I1. a change that a filter can see is written with its
// events. I2. a change of the counts alone is written at most every `intervalMs`, and within that time after the last append.

import type { RunId } from "../../proto/ids.ts";
import type { RunIndex } from "../ports/ledger.ts";

/** The counts of a run may be this old in a list. */
export const intervalMs = 250;

type Written = { readonly identity: string; readonly atMs: number };

export class IndexThrottle {
  readonly #written = new Map<RunId, Written>();
  readonly #late = new Map<RunId, RunIndex>();
  readonly #writeLate: (late: ReadonlyMap<RunId, RunIndex>) => void;
  #timer: NodeJS.Timeout | null = null;

  constructor(writeLate: (late: ReadonlyMap<RunId, RunIndex>) => void) {
    this.#writeLate = writeLate;
  }

  /** Whether the index must go into this append's transaction; `written` or `delay` follows. */
  isDue(run: RunId, index: RunIndex): boolean {
    const written = this.#written.get(run);
    return written === undefined || written.identity !== identityOf(index) || performance.now() - written.atMs >= intervalMs;
  }

  written(run: RunId, index: RunIndex): void {
    this.#late.delete(run);
    if (index.finishedAtMs === null) this.#written.set(run, { identity: identityOf(index), atMs: performance.now() });
    else this.#written.delete(run);
  }

  delay(run: RunId, index: RunIndex): void {
    this.#late.set(run, index);
    this.#timer ??= setTimeout(() => this.#fire(), intervalMs).unref();
  }

  /** What the run's index is, where the file doesn't know it yet. */
  late(run: RunId): RunIndex | undefined {
    return this.#late.get(run);
  }

  /** Hands over what is late, now. */
  drain(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#fire();
  }

  #fire(): void {
    this.#timer = null;
    if (this.#late.size === 0) return;
    const late = new Map(this.#late);
    this.#writeLate(late);
  }
}

/** Everything but the counts. */
function identityOf(index: RunIndex): string {
  return JSON.stringify({ ...index, counts: null });
}
