// An artifact store in a folder: ROOT/ab/cdef… holds the blob whose SHA-256 is abcdef….
//
// S1. A blob is written to ROOT/tmp, synced, and renamed into place: under its name there is all of it or nothing.
// S2. When a `put` resolves, the blob and its name are on disk, whoever wrote them.
// S3. A whole read that finds wrong bytes moves the blob to ROOT/corrupt, so that writing it again heals the store; a small
//     blob with wrong bytes is healed by writing it again, whoever has read it.
// S4. Any number of processes may use one folder at once.

import { randomUUID } from "node:crypto";
import { closeSync, fstatSync, mkdirSync, openSync, renameSync, statSync } from "node:fs";
import { mkdir, open, readdir, rename, rm, stat, utimes } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Sha256 } from "../../proto/ids.ts";
import { identify } from "./codec.ts";
import { readHashing, readHashingSync, readPart, readPartSync, streamHashing, syncFolder, writeAll, writeHashing } from "./file-bytes.ts";
import type { Hashed } from "./file-bytes.ts";
import { corruptError, explained, fileError, isMissing, missingError } from "./file-store-error.ts";
import { listBlobs } from "./file-listing.ts";
import { deleteUnlessNew } from "./file-sweep.ts";
import type { ArtifactStore, BlockingReader, ByteRange } from "./store.ts";
import { renewedAfterMs } from "./sweepable.ts";
import type { ListedBlob, SweepableStore } from "./sweepable.ts";

/** What a killed writer left in ROOT/tmp is removed when nothing has been written to it for so long. */
const staleMs = 24 * 60 * 60 * 1000;

/** A blob up to this size is read when it is stored again. */
const verifiedBytesMax = 8 * 1024 * 1024;

export class FileArtifactStore implements ArtifactStore, BlockingReader, SweepableStore {
  readonly #root: string;
  /** Folders that are known to be there and durable. */
  readonly #folders = new Set<string>();
  /** The blob that a part was read from last: who reads one part of a pack soon reads another. */
  #lastOpen: { readonly sha256: Sha256; readonly descriptor: number } | null = null;

  readonly #sync: (folder: string) => Promise<void>;
  readonly #durable: boolean;

  /** The folder is made when something is first written. `durable: false` is for a cache: after a loss of power blobs may be wrong. */
  constructor(root: string, { durable }: { readonly durable: boolean } = { durable: true }) {
    this.#root = root;
    this.#durable = durable;
    this.#sync = durable ? syncFolder : async () => undefined;
  }

  async put(bytes: Uint8Array): Promise<Sha256> {
    const stored = { sha256: identify([bytes]), size: bytes.length };
    const path = this.#pathOf(stored.sha256);
    if (!(await explained(path, () => this.#isThere(stored)))) {
      await this.#write(async (file, temporary) => {
        await explained(temporary, () => writeAll(file, bytes, 0));
        return stored;
      });
    }
    return stored.sha256;
  }

  async putStream(source: AsyncIterable<Uint8Array>): Promise<Hashed> {
    return this.#write((file, temporary) => writeHashing(file, temporary, source));
  }

  async get(sha256: Sha256, range?: ByteRange): Promise<Uint8Array> {
    const path = this.#pathOf(sha256);
    const file = await this.#open(sha256);
    try {
      return await explained(path, async () => {
        if (range !== undefined) return readPart(file, path, range);
        const read = await readHashing(file);
        this.#verify(sha256, read.sha256, file.fd);
        return read.bytes;
      });
    } finally {
      await file.close();
    }
  }

  getSync(sha256: Sha256, range?: ByteRange): Uint8Array {
    const path = this.#pathOf(sha256);
    try {
      return range === undefined ? this.#readSync(sha256) : readPartSync(this.#openLastSync(sha256), path, range);
    } catch (error) {
      throw fileError(path, error);
    }
  }

  async *stream(sha256: Sha256): AsyncIterable<Uint8Array> {
    const file = await this.#open(sha256);
    try {
      yield* streamHashing(file, this.#pathOf(sha256), (found) => this.#verify(sha256, found, file.fd));
    } finally {
      await file.close();
    }
  }

  async has(sha256: Sha256): Promise<boolean> {
    const path = this.#pathOf(sha256);
    return explained(path, async () => (await sizeAt(path)) !== null);
  }

  list(after?: Sha256): AsyncIterable<ListedBlob> {
    return listBlobs(this.#root, after);
  }

  /** A folder holds every blob whole. */
  async piecesOf(): Promise<readonly Sha256[]> {
    return [];
  }

  async delete(names: readonly Sha256[], storedBeforeMs = Infinity): Promise<void> {
    for (const sha256 of names) {
      const path = this.#pathOf(sha256);
      await explained(path, () => deleteUnlessNew(this.#root, path, storedBeforeMs));
    }
  }

  async #isThere(stored: Hashed): Promise<boolean> {
    const path = this.#pathOf(stored.sha256);
    if (!(await this.#isSound(stored, path))) return false;
    // Its writer may have been killed between naming it and syncing the name. (S2)
    await this.#prepare(dirname(path));
    await this.#sync(dirname(path));
    return renew(path);
  }

  /**
   * A blob of another size, or a small one with other bytes, is corrupt and is replaced (S3). A large one is taken for what
   * its size says: reading it would cost as much as writing it, and who reads it whole finds out.
   */
  async #isSound({ sha256, size }: Hashed, path: string): Promise<boolean> {
    if ((await sizeAt(path)) !== size) return false;
    if (size > verifiedBytesMax) return true;
    const file = await openIfThere(path);
    if (file === null) return false;
    try {
      return (await readHashing(file)).sha256 === sha256;
    } finally {
      await file.close();
    }
  }

  async #write(fill: (file: FileHandle, path: string) => Promise<Hashed>): Promise<Hashed> {
    const temporary = join(this.#root, "tmp", randomUUID());
    const file = await explained(temporary, async () => {
      await this.#prepare(dirname(temporary));
      return open(temporary, "wx", 0o444);
    });
    try {
      const stored = await fill(file, temporary);
      const path = this.#pathOf(stored.sha256);
      await explained(path, async () => {
        if (await this.#isThere(stored)) return rm(temporary);
        if (this.#durable) await file.sync();
        await this.#prepare(dirname(path));
        await rename(temporary, path);
        await this.#sync(dirname(path));
      });
      return stored;
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => {
        // The first error says more; what stays here is removed when stale.
      });
      throw error;
    } finally {
      await file.close();
    }
  }

  /** Makes a folder of the store, durably. */
  async #prepare(folder: string): Promise<void> {
    if (this.#folders.has(folder)) return;
    await mkdir(folder, { recursive: true });
    await this.#sync(this.#root);
    if (folder === join(this.#root, "tmp")) {
      await this.#sync(dirname(this.#root));
      await removeStale(folder);
    }
    this.#folders.add(folder);
  }

  #readSync(sha256: Sha256): Uint8Array {
    const descriptor = this.#openSync(sha256);
    try {
      const read = readHashingSync(descriptor);
      this.#verify(sha256, read.sha256, descriptor);
      return read.bytes;
    } finally {
      closeSync(descriptor);
    }
  }

  #openLastSync(sha256: Sha256): number {
    if (this.#lastOpen?.sha256 === sha256) return this.#lastOpen.descriptor;
    const descriptor = this.#openSync(sha256);
    if (this.#lastOpen !== null) closeSync(this.#lastOpen.descriptor);
    this.#lastOpen = { sha256, descriptor };
    return descriptor;
  }

  #openSync(sha256: Sha256): number {
    try {
      return openSync(this.#pathOf(sha256), "r");
    } catch (error) {
      throw this.#explainOpen(sha256, error);
    }
  }

  async #open(sha256: Sha256): Promise<FileHandle> {
    try {
      return await open(this.#pathOf(sha256), "r");
    } catch (error) {
      throw this.#explainOpen(sha256, error);
    }
  }

  #explainOpen(sha256: Sha256, error: unknown): Error {
    if (!isMissing(error)) return fileError(this.#pathOf(sha256), error);
    const aside = join(this.#root, "corrupt", sha256);
    const isAside = statSync(aside, { throwIfNoEntry: false }) !== undefined;
    return isAside ? corruptError(sha256, aside) : missingError(sha256, this.#root);
  }

  #verify(sha256: Sha256, found: string, descriptor: number): void {
    if (found === sha256) return;
    const path = this.#pathOf(sha256);
    const aside = join(this.#root, "corrupt", sha256);
    try {
      // Somebody may have healed it since it was opened.
      if (statSync(path).ino !== fstatSync(descriptor).ino) throw corruptError(sha256, path);
      mkdirSync(dirname(aside), { recursive: true });
      renameSync(path, aside);
    } catch {
      // It stays where it is: in a folder that cannot be written nothing could heal it anyway.
      throw corruptError(sha256, path);
    }
    throw corruptError(sha256, aside);
  }

  #pathOf(sha256: Sha256): string {
    return join(this.#root, sha256.slice(0, 2), sha256.slice(2));
  }
}

async function sizeAt(path: string): Promise<number | null> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

/** Who stores an old blob again counts on it from now on. False where it was swept just now: then it is to be written. */
async function renew(path: string): Promise<boolean> {
  const now = new Date();
  try {
    const { mtimeMs } = await stat(path);
    if (now.getTime() - mtimeMs > renewedAfterMs) await utimes(path, now, now);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

async function openIfThere(path: string): Promise<FileHandle | null> {
  try {
    return await open(path, "r");
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

async function removeStale(folder: string): Promise<void> {
  const before = Date.now() - staleMs;
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    // Another process may be removing it as well.
    const found = await stat(path).catch(() => null);
    if (found !== null && found.mtimeMs < before) await rm(path, { force: true });
  }
}
