// Launches' history in a SQLite file of its own, fully synced, beside the ledger of runs.
//
// N1. What `append` reports is durable. N2. A row whose checksum fails is an error, and is never skipped.

import { crc32 } from "node:zlib";
import type { DatabaseSync } from "node:sqlite";
import type { LaunchId } from "../../proto/launch.ts";
import type { LaunchEvent } from "../core/launching/event.ts";
import { parseLaunchEvent } from "../core/launching/parse-event.ts";
import type { LaunchLedger } from "../ports/launch-ledger.ts";
import { LedgerError } from "../ports/ledger.ts";
import { GroupCommit } from "./group-commit.ts";
import { asLedgerError, openFile, type Schema } from "./sqlite-file.ts";

const schema: Schema = [
  `CREATE TABLE launch_events (
     id INTEGER PRIMARY KEY, launch TEXT NOT NULL, payload TEXT NOT NULL, checksum INTEGER NOT NULL
   ) STRICT;
   CREATE INDEX launch_events_by_launch ON launch_events (launch);`,
];

export class SqliteLaunchLedger implements LaunchLedger {
  readonly #path: string;
  readonly #database: DatabaseSync;
  readonly #commits: GroupCommit;

  /** @throws LedgerError readOnly, corrupt, version, busy, full */
  constructor(path: string) {
    this.#path = path;
    this.#database = openFile(path, schema);
    this.#commits = new GroupCommit(this.#database, path);
  }

  append(events: readonly LaunchEvent[]): Promise<void> {
    const insert = this.#database.prepare("INSERT INTO launch_events (launch, payload, checksum) VALUES (?, ?, ?)");
    return this.#commits.run(() => {
      for (const event of events) {
        const payload = JSON.stringify(event);
        insert.run(event.launch, payload, checksumOf(event.launch, payload));
      }
    });
  }

  async *read(): AsyncGenerator<LaunchEvent, void, undefined> {
    const rows = this.#database.prepare("SELECT id, launch, payload, checksum FROM launch_events ORDER BY id").iterate();
    try {
      for (const row of rows) yield this.#parse(row);
    } catch (error) {
      throw asLedgerError(error, this.#path);
    }
  }

  forget(launches: readonly LaunchId[]): Promise<void> {
    const remove = this.#database.prepare("DELETE FROM launch_events WHERE launch = ?");
    return this.#commits.run(() => {
      for (const launch of launches) remove.run(launch);
    });
  }

  async close(): Promise<void> {
    await this.#commits.idle();
    this.#database.close();
  }

  /** N2 */
  #parse({ id, launch, payload, checksum }: Record<string, unknown>): LaunchEvent {
    const isWhole = typeof launch === "string" && typeof payload === "string" && checksumOf(launch, payload) === checksum;
    if (isWhole) return parseLaunchEvent(JSON.parse(payload));
    throw new LedgerError("corrupt", `ledger ${this.#path}: event ${String(id)} of a launch is damaged; restore the folder from a backup`);
  }
}

function checksumOf(launch: string, payload: string): number {
  return crc32(payload, crc32(`${launch}#`));
}
