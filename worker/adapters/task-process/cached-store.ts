// The artifact store of a task process in a cluster: a folder on the worker's disk, and the worker, who fetches what is missing
// there and uploads what was written.
//
// T1. A blob that is read lies in the folder first; asking the worker brings it there.
// T2. When a `put` resolves, the worker knows of the blob: it reports nothing of the attempt before the blob is uploaded.

import type { Sha256 } from "../../../proto/ids.ts";
import { identify } from "../../../sdk/artifact/codec.ts";
import { FileArtifactStore } from "../../../sdk/artifact/file-store.ts";
import {
  ArtifactStoreError,
  type ArtifactStore,
  type BlockingReader,
  type ByteRange,
  type ReadAhead,
} from "../../../sdk/artifact/store.ts";
import type { BlobMessage, BlobReply } from "./blob-messages.ts";

/** The way to the worker. */
export interface WorkerLine {
  /** Blocks the whole process until the worker has answered. */
  ask(message: BlobMessage): BlobReply;
  /** Lets the process go on meanwhile. */
  askLater(message: BlobMessage): Promise<BlobReply>;
  tell(message: BlobMessage): void;
}

/** A blob that was brought here may have been dropped for others before it was read. */
const triesMax = 5;
/** That a blob was used is told again after so long. Milliseconds. */
const toldMsMax = 60_000;
const toldMax = 10_000;

export class CachedArtifactStore implements ArtifactStore, BlockingReader, ReadAhead {
  readonly keepsInline: boolean;
  readonly #files: FileArtifactStore;
  readonly #worker: WorkerLine;
  readonly #told = new Map<Sha256, number>();

  constructor(folder: string, worker: WorkerLine, { keepsInline }: { readonly keepsInline: boolean } = { keepsInline: false }) {
    this.keepsInline = keepsInline;
    this.#files = new FileArtifactStore(folder, { durable: false });
    this.#worker = worker;
  }

  async put(bytes: Uint8Array): Promise<Sha256> {
    const stored = { sha256: identify([bytes]), size: bytes.length };
    for (let tries = 1; ; tries += 1) {
      try {
        await this.#files.put(bytes);
        await this.#wrote(stored);
        return stored.sha256;
      } catch (error) {
        const again = isProblem(error, "missing") || (isProblem(error, "full") && (await this.#madeRoom()));
        if (tries >= triesMax || !again) throw error;
      }
    }
  }

  /** A stream cannot be written twice: where there is no room for it, the attempt fails and is tried again. */
  async putStream(source: AsyncIterable<Uint8Array>): Promise<{ readonly sha256: Sha256; readonly size: number }> {
    try {
      const stored = await this.#files.putStream(source);
      await this.#wrote(stored);
      return stored;
    } catch (error) {
      if (isProblem(error, "full")) await this.#madeRoom();
      throw error;
    }
  }

  async get(sha256: Sha256, range?: ByteRange): Promise<Uint8Array> {
    for (let tries = 1; ; tries += 1) {
      try {
        const bytes = await this.#files.get(sha256, range);
        this.#used(sha256);
        return bytes;
      } catch (error) {
        if (tries > triesMax || !isAbsent(error)) throw error;
        settle(await this.#worker.askLater({ kind: "fetch", sha256 }));
      }
    }
  }

  getSync(sha256: Sha256, range?: ByteRange): Uint8Array {
    for (let tries = 1; ; tries += 1) {
      try {
        const bytes = this.#files.getSync(sha256, range);
        this.#used(sha256);
        return bytes;
      } catch (error) {
        if (tries > triesMax || !isAbsent(error)) throw error;
        settle(this.#worker.ask({ kind: "fetch", sha256 }));
      }
    }
  }

  async *stream(sha256: Sha256): AsyncIterable<Uint8Array> {
    settle(await this.#worker.askLater({ kind: "fetch", sha256 }));
    yield* this.#files.stream(sha256);
  }

  async has(sha256: Sha256): Promise<boolean> {
    if (await this.#files.has(sha256)) return true;
    const { problem, message } = await this.#worker.askLater({ kind: "fetch", sha256 });
    if (problem !== null && problem !== "missing") throw new ArtifactStoreError(problem, message);
    return problem === null;
  }

  readAhead(blobs: readonly Sha256[]): void {
    this.#worker.tell({ kind: "readAhead", blobs });
  }

  /** T2 */
  async #wrote({ sha256, size }: { readonly sha256: Sha256; readonly size: number }): Promise<void> {
    settle(await this.#worker.askLater({ kind: "wrote", sha256, size }));
  }

  #used(sha256: Sha256): void {
    const nowMs = performance.now();
    if (nowMs - (this.#told.get(sha256) ?? -Infinity) < toldMsMax) return;
    if (this.#told.size >= toldMax) this.#told.clear();
    this.#told.set(sha256, nowMs);
    this.#worker.tell({ kind: "used", sha256 });
  }

  async #madeRoom(): Promise<boolean> {
    return (await this.#worker.askLater({ kind: "makeRoom" })).problem === null;
  }
}

function settle({ problem, message }: BlobReply): void {
  if (problem !== null) throw new ArtifactStoreError(problem, message);
}

function isProblem(error: unknown, problem: ArtifactStoreError["problem"]): boolean {
  return error instanceof ArtifactStoreError && error.problem === problem;
}

/** Wrong bytes have been put aside by whoever found them. */
function isAbsent(error: unknown): boolean {
  return isProblem(error, "missing") || isProblem(error, "corrupt");
}
