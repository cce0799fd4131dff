// The audit trail as JSON lines in a file of its own, readable for its owner alone. A full file is put aside; the oldest
// one goes when there are too many.

import { appendFile, mkdir, rename, stat } from "node:fs/promises";
import { dirname } from "node:path";
import type { AuditEntry, AuditTrail } from "../ports/audit-trail.ts";
import { errorField, type CoordinatorLog } from "../shell/log.ts";

export type FileAuditTrailOptions = {
  readonly path: string;
  readonly log: CoordinatorLog;
  readonly fileBytesMax?: number;
};

const fileBytesMaxDefault = 16 * 1024 * 1024;
/** Files beside the current one. */
const fullFilesMax = 7;
/** Entries that wait to be written; more can only come while the disk stands still. */
const waitingMax = 10_000;

export class FileAuditTrail implements AuditTrail {
  readonly #options: FileAuditTrailOptions;
  #waiting: string[] = [];
  #lost = 0;
  /** Bytes of the current file; null before it was looked at. */
  #bytes: number | null = null;
  #writing: Promise<void> | null = null;

  constructor(options: FileAuditTrailOptions) {
    this.#options = options;
  }

  record(entry: AuditEntry): void {
    const { atMs, tokenId, tokenName, run, ...others } = entry;
    const said = { event: "audit", token_id: tokenId, token_name: tokenName, run_id: run, ...others };
    const line = { time: new Date(atMs).toISOString(), ...said };
    // A line of the log has a time anyway.
    this.#options.log[entry.result === "denied" ? "warn" : "info"](said, "audit");
    if (this.#waiting.length >= waitingMax) this.#lost += 1;
    else this.#waiting.push(`${JSON.stringify(line)}\n`);
    this.#writing ??= this.#write().finally(() => (this.#writing = null));
  }

  async close(): Promise<void> {
    await this.#writing;
  }

  async #write(): Promise<void> {
    while (this.#waiting.length > 0) {
      const text = this.#waiting.join("");
      const entries = this.#waiting.length;
      this.#waiting = [];
      try {
        await this.#append(text);
      } catch (error) {
        this.#lost += entries;
        this.#options.log.error({ event: "audit.lost", entries: this.#lost, err: errorField(error) }, "the audit trail cannot be written");
      }
    }
  }

  async #append(text: string): Promise<void> {
    const { path, fileBytesMax = fileBytesMaxDefault } = this.#options;
    if (this.#bytes === null) {
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      this.#bytes = await stat(path).then(
        ({ size }) => size,
        () => 0,
      );
    }
    if (this.#bytes > 0 && this.#bytes + text.length > fileBytesMax) {
      for (let number = fullFilesMax; number >= 1; number -= 1) {
        // The first ones may be missing.
        await rename(number === 1 ? path : `${path}.${number - 1}`, `${path}.${number}`).catch(() => undefined);
      }
      this.#bytes = 0;
    }
    await appendFile(path, text, { mode: 0o600 });
    this.#bytes += Buffer.byteLength(text);
  }
}
