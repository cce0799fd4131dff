import type { LaunchId } from "../../proto/launch.ts";
import type { LaunchEvent } from "../core/launching/event.ts";

/**
 * The append-only history of launches, beside the ledger of runs. One coordinator at a time writes it: the one that has the data
 * folder. Errors: `LedgerError`, as of the ledger of runs.
 */
export interface LaunchLedger {
  /** All of the events or none; durable when it resolves. Calls are taken in their order. */
  append(events: readonly LaunchEvent[]): Promise<void>;
  /** All that was not forgotten, in the order of appending. Verified: what is damaged is an error and never skipped. */
  read(): AsyncIterable<LaunchEvent>;
  /** Launches that are over and matter no more. */
  forget(launches: readonly LaunchId[]): Promise<void>;
  close(): Promise<void>;
}
