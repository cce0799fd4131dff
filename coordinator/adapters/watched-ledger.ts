// A ledger whose writes are timed, and their failures told.

import { LedgerError, type Beginning, type Ledger } from "../ports/ledger.ts";

export interface LedgerWatcher {
  /** Events of one append are durable. */
  appended(durationMs: number, events: number): void;
  /** An append was refused. */
  failed(problem: string): void;
}

/** What is read, and who owns what, goes to the ledger itself. */
export function watchedLedger(ledger: Ledger, watcher: LedgerWatcher): Ledger {
  const watched = async <T>(events: () => number, write: () => Promise<T>): Promise<T> => {
    const beganMs = performance.now();
    try {
      const result = await write();
      watcher.appended(performance.now() - beganMs, events());
      return result;
    } catch (error) {
      watcher.failed(error instanceof LedgerError ? error.problem : "other");
      throw error;
    }
  };
  return {
    create: (beginning: Beginning, first: Parameters<Ledger["create"]>[1]) => {
      // Of a submission that was there before, nothing is appended.
      let count = 0;
      const counted: typeof first = (run) => {
        const made = first(run);
        count = made.events.length;
        return made;
      };
      return watched(
        () => count,
        () => ledger.create(beginning, counted),
      );
    },
    append: (...args) =>
      watched(
        () => args[2].length,
        () => ledger.append(...args),
      ),
    submitted: (key) => ledger.submitted(key),
    read: (run, afterSeq) => ledger.read(run, afterSeq),
    list: (query) => ledger.list(query),
    flows: (namespace, within) => ledger.flows(namespace, within),
    claim: (run, owner) => ledger.claim(run, owner),
    owner: (run) => ledger.owner(run),
    release: (run, owner) => ledger.release(run, owner),
    close: () => ledger.close(),
  };
}
