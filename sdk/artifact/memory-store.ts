// An artifact store in memory, for tests and the test kit, with faults on request.

import type { Sha256 } from "../../proto/ids.ts";
import { identify } from "./codec.ts";
import { ArtifactStoreError } from "./store.ts";
import type { ArtifactStore, BlockingReader, ByteRange, StoreProblem } from "./store.ts";

export class MemoryArtifactStore implements ArtifactStore, BlockingReader {
  readonly #blobs = new Map<Sha256, Uint8Array>();
  /** While set, every write fails with it. */
  writeFault: StoreProblem | null = null;
  /** Blobs that were written because they were not there yet. */
  writesCount = 0;

  put(bytes: Uint8Array): Promise<Sha256> {
    return this.#write(new Uint8Array(bytes));
  }

  async putStream(source: AsyncIterable<Uint8Array>): Promise<{ readonly sha256: Sha256; readonly size: number }> {
    const pieces: Uint8Array[] = [];
    for await (const piece of source) pieces.push(new Uint8Array(piece));
    const bytes = new Uint8Array(Buffer.concat(pieces));
    return { sha256: await this.#write(bytes), size: bytes.length };
  }

  async get(sha256: Sha256, range?: ByteRange): Promise<Uint8Array> {
    return this.getSync(sha256, range);
  }

  getSync(sha256: Sha256, range?: ByteRange): Uint8Array {
    const bytes = this.#blobs.get(sha256);
    if (bytes === undefined)
      throw new ArtifactStoreError("missing", `blob ${sha256} is not in this store; run the task that made it again`);
    if (range !== undefined) return cut(sha256, bytes, range);
    if (identify([bytes]) !== sha256) {
      throw new ArtifactStoreError("corrupt", `blob ${sha256} has other bytes than were stored; run the task that made it again`);
    }
    return bytes.slice();
  }

  async *stream(sha256: Sha256): AsyncIterable<Uint8Array> {
    yield await this.get(sha256);
  }

  async has(sha256: Sha256): Promise<boolean> {
    return this.#blobs.has(sha256);
  }

  /** A fault: the blob's first byte is another from now on. */
  corrupt(sha256: Sha256): void {
    const bytes = this.#blobs.get(sha256);
    if (bytes?.[0] !== undefined) bytes[0] ^= 1;
  }

  async #write(bytes: Uint8Array): Promise<Sha256> {
    if (this.writeFault !== null) throw new ArtifactStoreError(this.writeFault, `this store is set to fail as ${this.writeFault}`);
    const sha256 = identify([bytes]);
    const known = this.#blobs.get(sha256);
    // A corrupt blob is replaced, as in a store of files.
    if (known !== undefined && identify([known]) === sha256) return sha256;
    this.#blobs.set(sha256, bytes);
    this.writesCount += 1;
    return sha256;
  }
}

function cut(sha256: Sha256, bytes: Uint8Array, { offset, length }: ByteRange): Uint8Array {
  const part = bytes.slice(offset, offset + length);
  if (part.length === length) return part;
  throw new ArtifactStoreError(
    "corrupt",
    `blob ${sha256} has ${bytes.length} bytes, and ${length} at ${offset} were asked for; run the task that made it again`,
  );
}
