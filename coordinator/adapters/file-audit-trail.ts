// The audit trail as JSON lines in a file of its own, readable for its owner alone. A full file is put aside; the oldest
// one goes when there are too many.
//
// F1. Nobody fills it with what was refused: of each caller so many entries a minute, and of what is asked about a short text.

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

/** Refused or failed, of one caller within `windowMs`, that are told one by one. (F1) */
const refusalsMax = 30;
const windowMs = 60_000;
/** Callers that are remembered. */
const callersMax = 10_000;
const textCharactersMax = 200;

export class FileAuditTrail implements AuditTrail {
  readonly #options: FileAuditTrailOptions;
  #waiting: string[] = [];
  #lost = 0;
  /** Bytes of the current file; null before it was looked at. */
  #bytes: number | null = null;
  #writing: Promise<void> | null = null;
  readonly #refusals = new Map<string, { readonly sinceMs: number; count: number }>();

  constructor(options: FileAuditTrailOptions) {
    this.#options = options;
  }

  record(entry: AuditEntry): void {
    const heldBack = entry.result === "done" ? 0 : this.#heldBack(entry);
    if (heldBack === null) return;
    const { atMs, tokenId, tokenName, run, about, ...others } = entry;
    const said = {
      event: "audit",
      token_id: tokenId,
      token_name: tokenName,
      run_id: run,
      about: about?.slice(0, textCharactersMax) ?? null,
      ...others,
      ...(heldBack > 0 && { held_back: heldBack }),
    };
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

  /** Null where this one is held back; else how many of the caller's were in the window before. (F1) */
  #heldBack({ tokenId, from, atMs }: AuditEntry): number | null {
    const caller = tokenId ?? from.replace(/:\d+$/, "");
    const known = this.#refusals.get(caller);
    if (known !== undefined && atMs - known.sinceMs < windowMs) return (known.count += 1) > refusalsMax ? null : 0;
    if (this.#refusals.size >= callersMax) this.#refusals.clear();
    this.#refusals.set(caller, { sinceMs: atMs, count: 1 });
    return known === undefined ? 0 : Math.max(0, known.count - refusalsMax);
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
