// What watches over a coordinator of this process: its metrics, fed by its log and its ledger too, and looks at its parts.

import { open, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { watchedLedger, type LedgerWatcher } from "../../coordinator/adapters/watched-ledger.ts";
import { CoordinatorMetrics } from "../../coordinator/api/coordinator-metrics.ts";
import type { Probes } from "../../coordinator/api/health.ts";
import type { Ledger } from "../../coordinator/ports/ledger.ts";
import type { CoordinatorLog, LogFields } from "../../coordinator/shell/log.ts";
import { watchProcess } from "../../sdk/metrics/process-metrics.ts";
import { Registry } from "../../sdk/metrics/registry.ts";

export class Monitor {
  readonly registry = new Registry();
  readonly metrics = new CoordinatorMetrics(this.registry);
  /** Lines of trouble are counted. */
  readonly log: CoordinatorLog;
  readonly close: () => void;
  /** Why the last append did not succeed, where that is the ledger's own trouble; null where it did. */
  #appendTrouble: string | null = null;

  constructor(log: CoordinatorLog, version: string) {
    this.log = this.#counting(log);
    this.close = watchProcess(this.registry, version);
  }

  /** The ledger in the file, with its appends and its size watched. */
  ledger(ledger: Ledger, file: string): Ledger {
    const bytes = this.registry.gauge({ name: "stepwell_ledger_bytes", help: "What the ledger's files take on the disk." });
    this.registry.onRead(async () => bytes.set((await sizeOf(file)) + (await sizeOf(`${file}-wal`))));
    const watcher: LedgerWatcher = {
      appended: (durationMs, events) => {
        this.#appendTrouble = null;
        this.metrics.appended(durationMs, events);
      },
      failed: (problem) => {
        if (troubles.includes(problem)) this.#appendTrouble = problem;
        this.metrics.failed(problem);
      },
    };
    return watchedLedger(ledger, watcher);
  }

  probes({ folder, ledger, store }: { readonly folder: string; readonly ledger: Ledger; readonly store: () => Promise<void> }): Probes {
    return {
      ledger: async () => {
        await tryToWrite(folder);
        await ledger.list({ limit: 0 });
        if (this.#appendTrouble !== null) throw new Error(`its last append was refused: ${this.#appendTrouble}`);
      },
      store: async () => {
        try {
          await store();
        } catch (error) {
          this.metrics.storeFailed();
          throw error;
        }
      },
    };
  }

  #counting(log: CoordinatorLog): CoordinatorLog {
    const count = (level: "warn" | "error", fields: LogFields, message: string): void => {
      this.metrics.logged(String(fields["event"]), level);
      if (fields["event"] === "blobs.notSigned") this.metrics.storeFailed();
      log[level](fields, message);
    };
    return {
      debug: (fields, message) => log.debug(fields, message),
      info: (fields, message) => log.info(fields, message),
      warn: (fields, message) => count("warn", fields, message),
      error: (fields, message) => count("error", fields, message),
    };
  }
}

/** Of the ledger as a whole, and not of one run in it. */
const troubles: readonly string[] = ["full", "busy", "readOnly"];
/** A disk that takes nothing more refuses this. Bytes. */
const probeBytes = 4096;

/** Finds out whether the folder's disk takes something. @throws the reason why it doesn't */
export async function tryToWrite(folder: string): Promise<void> {
  const path = join(folder, `probe-${process.pid}`);
  const file = await open(path, "w", 0o600);
  try {
    await file.write(Buffer.alloc(probeBytes, 1));
    await file.sync();
  } finally {
    await file.close();
    await rm(path, { force: true });
  }
}

async function sizeOf(file: string): Promise<number> {
  try {
    return (await stat(file)).size;
  } catch {
    return 0;
  }
}
