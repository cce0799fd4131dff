// Files as artifacts: `this.model = artifact.file("model.bin")`, and what a later step finds in `this.model`.
//
// F1. A file is never in memory as a whole, unless its reader asks for `bytes()` or `text()`.
// F2. What is passed on untouched, alone or inside another value, costs a reference.

import { createHash } from "node:crypto";
import { closeSync, createReadStream, mkdtempSync, openSync, readFileSync, readSync, rmSync, statSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { parseSha256 } from "../../proto/ids.ts";
import type { Sha256 } from "../../proto/ids.ts";
import { ArtifactStoreError } from "./store.ts";
import type { ArtifactStore, BlockingReader } from "./store.ts";

export type FileIdentity = {
  /** Without folders. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  readonly sha256: Sha256;
};

/** A file that is an artifact. Only `stream()` doesn't block. */
export interface ArtifactFile extends FileIdentity {
  /** Where the file is on this machine. In a later step that is a copy, made when first asked for, and the reader's own. */
  path(): string;
  stream(): AsyncIterable<Uint8Array>;
  bytes(): Uint8Array;
  /** The content as UTF-8. */
  text(): string;
}

/** What an author calls to make an artifact that isn't a plain value. */
export const artifact = {
  /** The file at `path` as an artifact. It is read when the step ends, so it must still be there. */
  file(path: string): ArtifactFile {
    return new LocalFile(path);
  },
};

// Not `instanceof`: a flow's bundle and the process that runs it may have loaded this module twice.
const fileMark = Symbol.for("stepwell.artifact.file");

type FileState = ({ readonly stored: true } & FileIdentity) | { readonly stored: false; readonly name: string; readonly local: LocalFile };

/** What to write of a file, or undefined for anything else. */
export function asFile(value: object): FileState | undefined {
  const state: unknown = Reflect.get(value, fileMark);
  return state === undefined ? undefined : (state as FileState);
}

const pieceBytes = 8 * 1024 * 1024;

/** A file on this machine, which becomes an artifact when its step ends. */
export class LocalFile implements ArtifactFile {
  readonly name: string;
  readonly #path: string;
  #stored: FileIdentity | undefined;

  constructor(path: string) {
    this.#path = resolve(path);
    this.name = basename(this.#path);
    if (!statSync(this.#path, { throwIfNoEntry: false })?.isFile()) {
      throw new Error(`artifact.file: there is no file ${this.#path}; write it before making it an artifact`);
    }
  }

  get [fileMark](): FileState {
    return this.#stored === undefined ? { stored: false, name: this.name, local: this } : { stored: true, ...this.#stored };
  }

  get size(): number {
    return this.#stored?.size ?? statSync(this.#path).size;
  }

  get sha256(): Sha256 {
    if (this.#stored !== undefined) return this.#stored.sha256;
    const hash = createHash("sha256");
    const file = openSync(this.#path, "r");
    const piece = Buffer.allocUnsafeSlow(pieceBytes);
    try {
      for (let length = readSync(file, piece); length > 0; length = readSync(file, piece)) hash.update(piece.subarray(0, length));
    } finally {
      closeSync(file);
    }
    return parseSha256(hash.digest("hex"));
  }

  path(): string {
    return this.#path;
  }

  stream(): AsyncIterable<Uint8Array> {
    return createReadStream(this.#path, { highWaterMark: 1024 * 1024 });
  }

  bytes(): Uint8Array {
    return readFileSync(this.#path);
  }

  text(): string {
    return readFileSync(this.#path, "utf8");
  }

  async store(store: ArtifactStore): Promise<void> {
    this.#stored ??= { name: this.name, ...(await store.putStream(this.stream())) };
  }
}

/** A file that a store has. */
export class StoredFile implements ArtifactFile {
  readonly name: string;
  readonly size: number;
  readonly sha256: Sha256;
  readonly #store: ArtifactStore | BlockingReader;
  readonly #folder: () => string;
  #path: string | undefined;

  /** `folder` gives the folder for the copy that `path()` makes. */
  constructor(identity: FileIdentity, store: ArtifactStore | BlockingReader, folder: () => string = exitFolder) {
    this.name = identity.name;
    this.size = identity.size;
    this.sha256 = identity.sha256;
    this.#store = store;
    this.#folder = folder;
  }

  get [fileMark](): FileState {
    return { stored: true, name: this.name, size: this.size, sha256: this.sha256 };
  }

  path(): string {
    this.#path ??= this.#copy();
    return this.#path;
  }

  stream(): AsyncIterable<Uint8Array> {
    return "stream" in this.#store ? this.#store.stream(this.sha256) : this.#pieces();
  }

  bytes(): Uint8Array {
    return this.#reader().getSync(this.sha256);
  }

  text(): string {
    return Buffer.from(this.bytes()).toString("utf8");
  }

  #reader(): BlockingReader {
    if ("getSync" in this.#store) return this.#store;
    throw new Error(`file ${this.name}: its store cannot be read while the program waits; use stream()`);
  }

  #copy(): string {
    const path = join(mkdtempSync(join(this.#folder(), "file-")), basename(this.name) || "file");
    const file = openSync(path, "wx");
    try {
      for (const piece of this.#readPieces()) {
        for (let at = 0; at < piece.length;) at += writeSync(file, piece, at);
      }
    } catch (error) {
      rmSync(path);
      throw error;
    } finally {
      closeSync(file);
    }
    return path;
  }

  async *#pieces(): AsyncIterable<Uint8Array> {
    yield* this.#readPieces();
  }

  *#readPieces(): Iterable<Uint8Array> {
    const reader = this.#reader();
    const hash = createHash("sha256");
    for (let offset = 0; offset < this.size; offset += pieceBytes) {
      const piece = reader.getSync(this.sha256, { offset, length: Math.min(pieceBytes, this.size - offset) });
      hash.update(piece);
      yield piece;
    }
    if (hash.digest("hex") !== this.sha256) {
      throw new ArtifactStoreError(
        "corrupt",
        `file ${this.name}: the bytes of blob ${this.sha256} are not those that were stored; run its step again`,
      );
    }
  }
}

let exitFolderPath: string | undefined;

function exitFolder(): string {
  if (exitFolderPath === undefined) {
    const path = mkdtempSync(join(tmpdir(), "stepwell-"));
    process.once("exit", () => rmSync(path, { recursive: true, force: true }));
    exitFolderPath = path;
  }
  return exitFolderPath;
}
