// States of runs as the ledger tells them, for reading and for taking a run up. A state that was folded once is kept for a
// while and goes on from where it was.
//
// H1. A state handed out by `read` belongs to this file: it is looked at before the next turn of the event loop.

import type { RunId } from "../../proto/ids.ts";
import { advance } from "../core/advance.ts";
import { initialState, type RunState } from "../core/state.ts";
import { LedgerError, type Ledger } from "../ports/ledger.ts";

/** Runs, and tasks of all of them together, that are kept. */
const runsMax = 32;
const tasksMax = 150_000;

export class RunHistory {
  readonly #ledger: Ledger;
  /** The one used last is the last. */
  readonly #kept = new Map<RunId, RunState>();
  readonly #reading = new Map<RunId, Promise<RunState>>();

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  /** @throws LedgerError notFound, corrupt */
  read(run: RunId): Promise<RunState> {
    const known = this.#reading.get(run);
    if (known !== undefined) return known;
    const reading = this.#goOn(run).finally(() => this.#reading.delete(run));
    this.#reading.set(run, reading);
    return reading;
  }

  /** As `read`, but the caller owns the state from now on. */
  async take(run: RunId): Promise<RunState> {
    const state = await this.read(run);
    this.#kept.delete(run);
    return state;
  }

  /** Takes over a state that its owner is done with. */
  keep(state: RunState): void {
    const { run } = state.submitted;
    this.#kept.delete(run);
    this.#kept.set(run, state);
    let tasks = 0;
    for (const kept of this.#kept.values()) tasks += kept.tasks.size;
    for (const [oldest, kept] of this.#kept) {
      if (this.#kept.size <= 1 || (this.#kept.size <= runsMax && tasks <= tasksMax)) return;
      this.#kept.delete(oldest);
      tasks -= kept.tasks.size;
    }
  }

  async #goOn(run: RunId): Promise<RunState> {
    let state = this.#kept.get(run) ?? null;
    this.#kept.delete(run);
    for await (const { seq, event } of this.#ledger.read(run, state?.seq ?? 0)) {
      if (state !== null) advance(state, event);
      else if (event.kind === "runSubmitted") state = initialState(event);
      else throw new LedgerError("corrupt", `${run}: event ${seq} is ${event.kind}, but a run begins with runSubmitted`);
    }
    if (state === null) throw new LedgerError("notFound", `there is no run ${run}`);
    this.keep(state);
    return state;
  }
}

/** The highest lease that any attempt of the run has had; 0 where there was none. */
export function highestLease(state: RunState): number {
  let highest = 0;
  for (const task of state.tasks.values()) highest = Math.max(highest, task.attempts.at(-1)?.lease ?? 0);
  return highest;
}
