// Moves bytes between memory and files, hashing on the way: each piece is hashed while the disk works on another.

import { createHash } from "node:crypto";
import { fstatSync, readSync } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { open } from "node:fs/promises";
import { parseSha256 } from "../../proto/ids.ts";
import type { Sha256 } from "../../proto/ids.ts";
import { explained, rangeError } from "./file-store-error.ts";
import type { ByteRange } from "./store.ts";

/** One read or write: large enough to be cheap, small enough for the processor's cache. Bytes. */
const pieceBytes = 1024 * 1024;

/** The disk is set to work when so much has been written, and not only by the sync at the end. Bytes. */
const syncBytes = 64 * 1024 * 1024;

export type Hashed = { readonly sha256: Sha256; readonly size: number };

/** An error of the source passes as it is: it is not the store's. */
export async function writeHashing(file: FileHandle, path: string, source: AsyncIterable<Uint8Array>): Promise<Hashed> {
  const hash = createHash("sha256");
  let size = 0;
  let syncedTo = 0;
  let syncing = Promise.resolve();
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length; at += pieceBytes) {
      const piece = chunk.subarray(at, at + pieceBytes);
      const written = explained(path, () => writeAll(file, piece, size));
      hash.update(piece);
      await written;
      size += piece.length;
      if (size - syncedTo < syncBytes) continue;
      await syncing;
      syncedTo = size;
      syncing = explained(path, () => file.datasync());
      // Seen by the next await; until then a failure must not count as one that nobody handles.
      syncing.catch(() => {});
    }
  }
  await syncing;
  return { sha256: parseSha256(hash.digest("hex")), size };
}

export async function writeAll(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    const { bytesWritten } = await file.write(bytes, at, bytes.length - at, position + at);
    at += bytesWritten;
  }
}

/** The whole file and its hash. */
export async function readHashing(file: FileHandle): Promise<{ readonly bytes: Uint8Array; readonly sha256: string }> {
  const bytes = Buffer.allocUnsafeSlow((await file.stat()).size);
  const hash = createHash("sha256");
  let read = 0;
  for (let hashed = 0; hashed < bytes.length;) {
    const length = Math.min(pieceBytes, bytes.length - read);
    const reading = length === 0 ? null : file.read(bytes, read, length, read);
    hash.update(bytes.subarray(hashed, read));
    hashed = read;
    const bytesRead = reading === null ? 0 : (await reading).bytesRead;
    if (bytesRead === 0) break;
    read += bytesRead;
  }
  return { bytes: new Uint8Array(bytes.buffer), sha256: hash.digest("hex") };
}

/** The whole file and its hash. */
export function readHashingSync(descriptor: number): { readonly bytes: Uint8Array; readonly sha256: string } {
  const bytes = Buffer.allocUnsafeSlow(fstatSync(descriptor).size);
  const hash = createHash("sha256");
  for (let at = 0; at < bytes.length;) {
    const length = readSync(descriptor, bytes, at, Math.min(pieceBytes, bytes.length - at), at);
    if (length === 0) break;
    hash.update(bytes.subarray(at, at + length));
    at += length;
  }
  return { bytes: new Uint8Array(bytes.buffer), sha256: hash.digest("hex") };
}

export async function readPart(file: FileHandle, path: string, range: ByteRange): Promise<Uint8Array> {
  const bytes = new Uint8Array(range.length);
  for (let at = 0; at < bytes.length;) {
    const { bytesRead } = await file.read(bytes, at, Math.min(pieceBytes, bytes.length - at), range.offset + at);
    if (bytesRead === 0) throw rangeError(path, range);
    at += bytesRead;
  }
  return bytes;
}

export function readPartSync(descriptor: number, path: string, range: ByteRange): Uint8Array {
  const bytes = new Uint8Array(range.length);
  for (let at = 0; at < bytes.length;) {
    const length = readSync(descriptor, bytes, at, Math.min(pieceBytes, bytes.length - at), range.offset + at);
    if (length === 0) throw rangeError(path, range);
    at += length;
  }
  return bytes;
}

/** The file in pieces; `sha256` is called with its hash when all have been taken. */
export async function* streamHashing(file: FileHandle, path: string, verify: (sha256: string) => void): AsyncIterable<Uint8Array> {
  const hash = createHash("sha256");
  for (let offset = 0; ;) {
    const piece = new Uint8Array(pieceBytes);
    const { bytesRead } = await explained(path, () => file.read(piece, 0, pieceBytes, offset));
    if (bytesRead === 0) break;
    offset += bytesRead;
    hash.update(piece.subarray(0, bytesRead));
    yield piece.subarray(0, bytesRead);
  }
  verify(hash.digest("hex"));
}

/** Makes the names in a folder durable. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
