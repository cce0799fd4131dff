// The blobs of one attempt: fetched when its process asks for them, uploaded when it has written them.
//
// A1. `settled` resolves when everything that was written is in the coordinator's store, or known not to get there.
// A2. What is read ahead is a hint: it never fails the attempt, and never runs far ahead of what is asked for.

import type { Sha256 } from "../../../proto/ids.ts";
import type { ArtifactStore } from "../../../sdk/artifact/store.ts";
import type { BlobHandler } from "../../ports/task-process.ts";
import type { ArtifactCache } from "./artifact-cache.ts";
import type { Uploads } from "./uploads.ts";

export type AttemptBlobsOptions = {
  readonly cache: ArtifactCache;
  readonly uploads: Uploads;
  readonly upstream: () => Promise<ArtifactStore>;
};

/** Blobs that are read ahead at the same time, and that may wait for it. */
const aheadMax = 4;
const waitingMax = 64;

export class AttemptBlobs implements BlobHandler {
  readonly #options: AttemptBlobsOptions;
  readonly #pinned = new Set<Sha256>();
  /** Each resolves to what went wrong, or null. */
  readonly #uploading: Promise<string | null>[] = [];
  #opened: Promise<ArtifactStore> | null = null;
  #waiting: Sha256[] = [];
  #ahead = 0;
  #closed = false;

  constructor(options: AttemptBlobsOptions) {
    this.#options = options;
  }

  async fetch(sha256: Sha256): Promise<void> {
    this.#waiting = this.#waiting.filter((one) => one !== sha256);
    await this.#options.cache.fetch(sha256, await this.#upstream());
  }

  used(sha256: Sha256): void {
    this.#options.cache.used(sha256);
  }

  /** Whether it is there still: another blob may have needed the room before this one was known to be new. */
  async wrote(sha256: Sha256, size: number): Promise<void> {
    const { cache, uploads } = this.#options;
    if (this.#pinned.has(sha256)) return;
    await cache.wrote(sha256, size);
    // Of an attempt that is over nobody waits for it, and nobody would unpin it.
    if (this.#closed) return cache.unpin(sha256);
    this.#pinned.add(sha256);
    const uploading = this.#upstream().then((upstream) => uploads.upload({ sha256, size }, upstream));
    this.#uploading.push(
      uploading.then(
        () => null,
        (error: unknown) => (error instanceof Error ? error.message : String(error)),
      ),
    );
  }

  readAhead(blobs: readonly Sha256[]): void {
    this.#waiting.push(...blobs);
    this.#waiting.splice(0, this.#waiting.length - waitingMax);
    this.#readOn();
  }

  makeRoom(): Promise<boolean> {
    return this.#options.cache.makeRoom();
  }

  /** Null when all is well; else why not. (A1) */
  async settled(): Promise<string | null> {
    const results = await Promise.all(this.#uploading);
    return results.find((result) => result !== null) ?? null;
  }

  close(): void {
    this.#closed = true;
    this.#waiting = [];
    for (const sha256 of this.#pinned) this.#options.cache.unpin(sha256);
    this.#pinned.clear();
  }

  #upstream(): Promise<ArtifactStore> {
    this.#opened ??= this.#options.upstream();
    return this.#opened;
  }

  #readOn(): void {
    while (!this.#closed && this.#ahead < aheadMax) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#ahead += 1;
      this.fetch(next)
        .catch(() => undefined) // A2
        .finally(() => {
          this.#ahead -= 1;
          this.#readOn();
        });
    }
  }
}
