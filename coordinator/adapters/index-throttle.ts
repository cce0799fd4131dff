// Decides when a run's line in the list of runs is written. Invariants: I1. a change that a filter can see is written with its
// events. I2. a change of the counts alone is written at most every `intervalMs`, and within that time after the last append.

import type { RunId } from "../../proto/ids.ts";
import type { RunIndex } from "../ports/ledger.ts";

/** The counts of a run may be this old in a list. */
const intervalMs = 250;

type Written = { readonly identity: string; readonly atMs: number };

/** An index that the file doesn't have yet, and the number of the last event that it counts. */
export type LateIndex = { readonly index: RunIndex; readonly seq: number };

export class IndexThrottle {
  readonly #written = new Map<RunId, Written>();
  readonly #late = new Map<RunId, LateIndex>();
  readonly #writeLate: (late: readonly LateIndex[]) => void;
  #timer: NodeJS.Timeout | null = null;

  constructor(writeLate: (late: readonly LateIndex[]) => void) {
    this.#writeLate = writeLate;
  }

  /** Whether the index must go into this append's transaction; `written` or `delay` follows. */
  isDue(index: RunIndex): boolean {
    const written = this.#written.get(index.run);
    return written === undefined || written.identity !== identityOf(index) || performance.now() - written.atMs >= intervalMs;
  }

  written(index: RunIndex): void {
    this.#late.delete(index.run);
    if (index.finishedAtMs === null) this.#written.set(index.run, { identity: identityOf(index), atMs: performance.now() });
    else this.#written.delete(index.run);
  }

  delay(late: LateIndex): void {
    this.#late.set(late.index.run, late);
    this.#timer ??= setTimeout(() => this.drain(), intervalMs).unref();
  }

  /** What is late has been seen to, unless a later one has taken its place. */
  settled(late: LateIndex): void {
    if (this.#late.get(late.index.run) === late) this.#late.delete(late.index.run);
  }

  late(run: RunId): RunIndex | undefined {
    return this.#late.get(run)?.index;
  }

  /** Hands over what is late, now. */
  drain(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#late.size > 0) this.#writeLate([...this.#late.values()]);
  }
}

/** Everything but the counts. */
function identityOf(index: RunIndex): string {
  return JSON.stringify({ ...index, counts: null });
}
