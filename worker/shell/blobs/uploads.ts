// Brings what task processes wrote to the coordinator's store.
//
// U1. A blob is uploaded once at a time, whoever wants it there.
// U2. What was brought there a short while ago is not brought again. After that it is: it may have been collected as garbage
//     meanwhile, and writing what is there keeps it from being so.

import type { Sha256 } from "../../../proto/ids.ts";
import type { ArtifactStore } from "../../../sdk/artifact/store.ts";
import type { ArtifactCache } from "./artifact-cache.ts";

/** A fraction of the time that garbage collection leaves a blob that nobody names yet. Milliseconds. */
const knownMsMax = 15 * 60 * 1000;
const knownMax = 100_000;
/** Sent as one request, from memory. Bytes. */
const wholeBytesMax = 8 * 1024 * 1024;

export class Uploads {
  readonly counts = { uploaded: 0, uploadedBytes: 0, uploadsFailed: 0 };
  readonly #cache: ArtifactCache;
  readonly #running = new Map<Sha256, Promise<void>>();
  /** When, on the monotonic clock; the oldest first. */
  readonly #known = new Map<Sha256, number>();

  constructor(cache: ArtifactCache) {
    this.#cache = cache;
  }

  /** The store tries again by itself what may work later, for a while. @throws ArtifactStoreError */
  async upload(blob: { readonly sha256: Sha256; readonly size: number }, upstream: ArtifactStore): Promise<void> {
    const { sha256 } = blob;
    const knownMs = this.#known.get(sha256);
    if (knownMs !== undefined && performance.now() - knownMs < knownMsMax) return; // U2
    const running = this.#running.get(sha256); // U1
    if (running !== undefined) {
      // It may fail for what is another attempt's own affair, such as its lease.
      return running.catch(() => this.upload(blob, upstream));
    }
    const uploading = this.#upload(blob, upstream).finally(() => this.#running.delete(sha256));
    this.#running.set(sha256, uploading);
    return uploading;
  }

  async #upload(blob: { readonly sha256: Sha256; readonly size: number }, upstream: ArtifactStore): Promise<void> {
    try {
      await this.#send(blob, upstream);
    } catch (error) {
      this.counts.uploadsFailed += 1;
      throw error;
    }
    this.counts.uploaded += 1;
    this.counts.uploadedBytes += blob.size;
    this.#remember(blob.sha256);
  }

  async #send({ sha256, size }: { readonly sha256: Sha256; readonly size: number }, upstream: ArtifactStore): Promise<void> {
    if (size <= wholeBytesMax) await upstream.put(await this.#cache.read(sha256));
    else await upstream.putStream(this.#cache.stream(sha256));
  }

  #remember(sha256: Sha256): void {
    this.#known.delete(sha256);
    this.#known.set(sha256, performance.now());
    const [oldest] = this.#known.keys();
    if (this.#known.size > knownMax && oldest !== undefined) this.#known.delete(oldest);
  }
}
