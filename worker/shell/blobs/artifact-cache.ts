// Blobs on the worker's own disk, for all its task processes: what they read comes here first, and what they write.
//
// C1. Task processes look into ROOT/blobs. What lies there has been verified since this worker started, or was written by
//     them; what an earlier worker left lies in ROOT/before until somebody wants it and its bytes are found right.
// C2. A blob is fetched once, however many ask for it at the same time.
// C3. The cache keeps to its size by dropping what was used longest ago. What is yet to be uploaded stays, and so does what was
//     used last: who has asked for a blob that is larger than the cache is about to open it.
// C4. A disk without room makes the cache smaller; only when there is nothing left to drop is it an error.

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, rename, rm, stat, utimes } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import type { Sha256 } from "../../../proto/ids.ts";
import { FileArtifactStore } from "../../../sdk/artifact/file-store.ts";
import { ArtifactStoreError, type ArtifactStore } from "../../../sdk/artifact/store.ts";
import type { WorkerLog } from "../../ports/log.ts";
import { blobPath, foundIn, moveBlobs } from "./cache-folder.ts";

export type CacheOptions = { readonly root: string; readonly bytesMax: number; readonly log: WorkerLog };

type Entry = { readonly size: number; place: "blobs" | "before"; pins: number; touchedMs: number };

/** That a blob was used is noted on disk, for the next worker, not more often than this. Milliseconds. */
const touchEveryMs = 60_000;

export class ArtifactCache {
  /** The folder that task processes look into. */
  readonly folder: string;
  /** Blobs that were wanted and there, and those that were fetched, with their bytes. */
  readonly counts = { hits: 0, fetched: 0, fetchedBytes: 0 };
  readonly #before: string;
  readonly #log: WorkerLog;
  readonly #files: FileArtifactStore;
  /** The one used last is the last. */
  readonly #entries = new Map<Sha256, Entry>();
  readonly #fetching = new Map<Sha256, Promise<void>>();
  #bytes = 0;
  #bytesMax: number;

  private constructor({ root, bytesMax, log }: CacheOptions) {
    this.folder = join(root, "blobs");
    this.#before = join(root, "before");
    this.#bytesMax = bytesMax;
    this.#log = log;
    this.#files = new FileArtifactStore(this.folder, { durable: false });
  }

  /** The folder must be this worker's alone. */
  static async open(options: CacheOptions): Promise<ArtifactCache> {
    const cache = new ArtifactCache(options);
    await moveBlobs(cache.folder, cache.#before); // C1
    await mkdir(cache.folder, { recursive: true });
    for (const { sha256, size, usedMs } of await foundIn(cache.#before)) cache.#add(sha256, { size, place: "before", touchedMs: usedMs });
    await cache.#evict();
    return cache;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Resolves when the blob lies where task processes look. @throws ArtifactStoreError */
  async fetch(sha256: Sha256, upstream: ArtifactStore): Promise<void> {
    const known = this.#fetching.get(sha256); // C2
    // It may fail for what is another attempt's own affair, such as its lease.
    if (known !== undefined) return known.catch(() => this.fetch(sha256, upstream));
    const fetching = this.#fetch(sha256, upstream).finally(() => this.#fetching.delete(sha256));
    this.#fetching.set(sha256, fetching);
    return fetching;
  }

  /** A task process has found the blob by itself. */
  used(sha256: Sha256): void {
    const entry = this.#entries.get(sha256);
    if (entry === undefined) return;
    this.counts.hits += 1;
    this.#entries.delete(sha256);
    this.#entries.set(sha256, entry);
    const nowMs = Date.now();
    if (nowMs - entry.touchedMs < touchEveryMs) return;
    entry.touchedMs = nowMs;
    // Of no more use than to order what a later worker finds.
    utimes(blobPath(this.#folderOf(entry), sha256), nowMs / 1000, nowMs / 1000).catch(() => undefined);
  }

  /**
   * A task process has written the blob. It stays until it is unpinned. (C3)
   * @throws ArtifactStoreError missing where it was dropped before it was known to be wanted: it is to be written again
   */
  async wrote(sha256: Sha256, size: number): Promise<void> {
    this.#add(sha256, { size, place: "blobs", touchedMs: Date.now() });
    const entry = this.#entries.get(sha256);
    if (entry !== undefined) entry.pins += 1;
    if ((await sizeAt(blobPath(this.folder, sha256))) !== size) {
      this.unpin(sha256);
      throw new ArtifactStoreError("missing", `blob ${sha256} is not in the cache any more`);
    }
    await this.#evict();
  }

  unpin(sha256: Sha256): void {
    const entry = this.#entries.get(sha256);
    if (entry !== undefined) entry.pins -= 1;
  }

  read(sha256: Sha256): Promise<Uint8Array> {
    return this.#files.get(sha256);
  }

  stream(sha256: Sha256): AsyncIterable<Uint8Array> {
    return this.#files.stream(sha256);
  }

  /** Room on the disk for somebody who found none. Whether there is any hope that it is enough. (C4) */
  async makeRoom(): Promise<boolean> {
    if (this.#bytes === 0) return false;
    const before = this.#bytes;
    this.#bytesMax = Math.floor(this.#bytes / 2);
    await this.#evict();
    this.#log.warn({ event: "cache.shrunk", bytes: this.#bytes }, "the disk is full: the artifact cache is made smaller");
    return this.#bytes < before;
  }

  async #fetch(sha256: Sha256, upstream: ArtifactStore): Promise<void> {
    const entry = this.#entries.get(sha256);
    if (entry !== undefined && (await this.#isGood(sha256, entry))) return this.used(sha256);
    const size = await this.#download(sha256, upstream);
    this.counts.fetched += 1;
    this.counts.fetchedBytes += size;
    this.#add(sha256, { size, place: "blobs", touchedMs: Date.now() });
    await this.#evict();
  }

  async #download(sha256: Sha256, upstream: ArtifactStore): Promise<number> {
    for (;;) {
      try {
        const stored = await this.#files.putStream(upstream.stream(sha256));
        if (stored.sha256 === sha256) return stored.size;
        throw new ArtifactStoreError("corrupt", `blob ${sha256} came with other bytes; run the task that made it again`);
      } catch (error) {
        if (!isFull(error) || !(await this.makeRoom())) throw error;
      }
    }
  }

  /** Somebody may have removed it, or its bytes may be wrong: then it is forgotten. */
  async #isGood(sha256: Sha256, entry: Entry): Promise<boolean> {
    const path = blobPath(this.#folderOf(entry), sha256);
    if (entry.place === "blobs" && (await sizeAt(path)) === entry.size) return true;
    if (entry.place === "before" && (await hashOf(path)) === sha256) {
      const wanted = blobPath(this.folder, sha256);
      await mkdir(dirname(wanted), { recursive: true });
      await rename(path, wanted);
      entry.place = "blobs";
      return true;
    }
    await this.#drop(sha256, entry);
    return false;
  }

  #add(sha256: Sha256, entry: Omit<Entry, "pins">): void {
    const known = this.#entries.get(sha256);
    if (known !== undefined) this.#bytes -= known.size;
    this.#entries.delete(sha256);
    this.#entries.set(sha256, { ...entry, pins: known?.pins ?? 0 });
    this.#bytes += entry.size;
  }

  /** C3 */
  async #evict(): Promise<void> {
    let left = this.#entries.size;
    for (const [sha256, entry] of this.#entries) {
      left -= 1;
      if (this.#bytes <= this.#bytesMax || left === 0) return;
      if (entry.pins === 0 && !this.#fetching.has(sha256)) await this.#drop(sha256, entry);
    }
  }

  async #drop(sha256: Sha256, entry: Entry): Promise<void> {
    if (this.#entries.get(sha256) !== entry) return;
    this.#entries.delete(sha256);
    this.#bytes -= entry.size;
    // Who reads it now goes on reading; what cannot be removed is found by the next worker.
    await rm(blobPath(this.#folderOf(entry), sha256), { force: true }).catch(() => undefined);
  }

  #folderOf({ place }: Entry): string {
    return place === "blobs" ? this.folder : this.#before;
  }
}

function isFull(error: unknown): boolean {
  return error instanceof ArtifactStoreError && error.problem === "full";
}

async function sizeAt(path: string): Promise<number | null> {
  const found = await stat(path).catch(() => null);
  return found?.size ?? null;
}

async function hashOf(path: string): Promise<string | null> {
  const hash = createHash("sha256");
  try {
    await pipeline(createReadStream(path), hash);
    return hash.digest("hex");
  } catch {
    return null;
  }
}
