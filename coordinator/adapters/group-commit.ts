// Lets everything that asks to write in the same turn of the event loop share one transaction, and so one sync of the disk.
// Invariants: G1. work resolves only after its transaction was committed. G2. what fails alone takes no neighbour with it.
// G3. works run in the order in which they were asked for.

import type { DatabaseSync, StatementSync } from "node:sqlite";
import { LedgerError } from "../ports/ledger.ts";
import { asLedgerError, isBusy } from "./sqlite-file.ts";

/** Works in one transaction; more wait for the next, so that the event loop is not held for long. */
const worksMax = 2_000;
/** How long a write waits for other processes before it gives up. */
const busyMs = 30_000;

type Work = { readonly run: () => unknown; readonly resolve: (value: never) => void; readonly reject: (error: unknown) => void };

export class GroupCommit {
  readonly #path: string;
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;
  readonly #rollback: StatementSync;
  #waiting: Work[] = [];
  #flushing: Promise<void> | null = null;

  constructor(database: DatabaseSync, path: string) {
    this.#path = path;
    this.#begin = database.prepare("BEGIN IMMEDIATE");
    this.#commit = database.prepare("COMMIT");
    this.#rollback = database.prepare("ROLLBACK");
  }

  /** Runs `work` inside a transaction. It may run more than once, and in vain: what it changes beside the database must bear that. */
  run<T>(work: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({ run: work, resolve, reject });
      this.#flushing ??= this.#flush();
    });
  }

  /** Resolves when nothing waits any more. */
  async idle(): Promise<void> {
    await this.#flushing;
  }

  async #flush(): Promise<void> {
    while (this.#waiting.length > 0) {
      await twoTurns();
      const works = this.#waiting.splice(0, worksMax);
      const error = await this.#commitTogether(works);
      if (error === null) continue;
      if (works.length === 1 || isGeneral(error)) for (const work of works) work.reject(error);
      else for (const work of works) await this.#commitAlone(work); // G2
    }
    this.#flushing = null;
  }

  async #commitAlone(work: Work): Promise<void> {
    const error = await this.#commitTogether([work]);
    if (error !== null) work.reject(error);
  }

  /** Null once committed, else why nothing was. */
  async #commitTogether(works: readonly Work[]): Promise<unknown> {
    const giveUpMs = performance.now() + busyMs;
    for (;;) {
      try {
        this.#begin.run();
        const values = works.map((work) => work.run());
        this.#commit.run();
        // The transaction never sees what the callers' own code returns, so the type is lost between `run` and here.
        works.forEach((work, i) => work.resolve(values[i] as never));
        return null;
      } catch (error) {
        this.#undo();
        if (!isBusy(error) || performance.now() > giveUpMs) return asLedgerError(error, this.#path) ?? new Error("nothing was thrown");
      }
      // Another process commits. Different waits keep several of us from meeting again at once.
      await new Promise((resolve) => setTimeout(resolve, 1 + Math.random() * 4));
    }
  }

  #undo(): void {
    try {
      this.#rollback.run();
    } catch {
      // SQLite has rolled back already, or nothing was begun.
    }
  }
}

/** Whether the same would befall every work: trying them one by one would only repeat it. */
function isGeneral(error: unknown): boolean {
  if (!(error instanceof LedgerError)) return false;
  return error.problem === "full" || error.problem === "readOnly" || error.problem === "busy";
}

/** What is sent in this turn, such as the order to a worker that has just become free, leaves before the sync holds everything up. */
async function twoTurns(): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve));
  await new Promise<void>((resolve) => setImmediate(resolve));
}
