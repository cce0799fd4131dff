// Who drives which run, in the ledger's file, so that processes that know nothing of each other agree.

import { hostname } from "node:os";
import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { Owner } from "../ports/ledger.ts";
import { startOfProcess } from "./process-identity.ts";

type OwnerRow = Owner & { readonly start: string | null };

/** Every method but `living` is called inside a write transaction, which makes looking and taking one act. */
export class SqliteOwners {
  readonly #select: StatementSync;
  readonly #replace: StatementSync;
  readonly #delete: StatementSync;

  constructor(database: DatabaseSync) {
    this.#select = database.prepare("SELECT id, pid, host, address, start FROM owners WHERE run_key = ?");
    this.#replace = database.prepare("INSERT OR REPLACE INTO owners (run_key, id, pid, host, address, start) VALUES (?, ?, ?, ?, ?, ?)");
    this.#delete = database.prepare("DELETE FROM owners WHERE run_key = ? AND id = ?");
  }

  living(runKey: number): Owner | null {
    const row = this.#select.get(runKey) as OwnerRow | undefined;
    if (row === undefined || !isAlive(row)) return null;
    const { id, pid, host, address } = row;
    return { id, pid, host, address };
  }

  claim(runKey: number, owner: Owner): Owner {
    const holder = this.living(runKey);
    if (holder !== null && holder.id !== owner.id) return holder;
    this.#replace.run(runKey, owner.id, owner.pid, owner.host, owner.address, startOfProcess(owner.pid));
    return owner;
  }

  release(runKey: number, owner: Owner): void {
    this.#delete.run(runKey, owner.id);
  }
}

/** Of another machine's processes nothing can be seen from here, so they count as alive. */
function isAlive(row: OwnerRow): boolean {
  if (row.host !== hostname()) return true;
  return row.start !== null && startOfProcess(row.pid) === row.start;
}
