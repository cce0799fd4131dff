// A pack of foreach elements: one blob with an index table, so that a child reads its own element and nothing else.
//
// Layout: for each element 24 bytes, being where its bytes begin and how many they are (8 each, little-endian) and the
// first 8 bytes of their SHA-256; then the bytes of all elements.

import { identify, sizeOf } from "./codec.ts";
import { ArtifactStoreError } from "./store.ts";
import type { ByteRange } from "./store.ts";

const entryBytes = 24;
const digestHexLength = 16;
const pieceBytes = 1024 * 1024;

/** The pack in pieces, none of which copies a large element. */
export function* packElements(elements: readonly (readonly Uint8Array[])[]): Iterable<Uint8Array> {
  const table = Buffer.alloc(elements.length * entryBytes);
  let offset = table.length;
  for (const [index, chunks] of elements.entries()) {
    const length = sizeOf(chunks);
    const entry = index * entryBytes;
    table.writeBigUInt64LE(BigInt(offset), entry);
    table.writeBigUInt64LE(BigInt(length), entry + 8);
    table.write(identify(chunks).slice(0, digestHexLength), entry + 16, "hex");
    offset += length;
  }
  yield table;
  yield* joinSmall(elements);
}

/** Small chunks together, large ones as they are. */
function* joinSmall(elements: readonly (readonly Uint8Array[])[]): Iterable<Uint8Array> {
  let pending: Uint8Array[] = [];
  let pendingBytes = 0;
  for (const chunk of elements.flat()) {
    if (chunk.length >= pieceBytes || pendingBytes + chunk.length > pieceBytes) {
      if (pendingBytes > 0) yield Buffer.concat(pending, pendingBytes);
      pending = [];
      pendingBytes = 0;
    }
    if (chunk.length >= pieceBytes) {
      yield chunk;
      continue;
    }
    pending.push(chunk);
    pendingBytes += chunk.length;
  }
  if (pendingBytes > 0) yield Buffer.concat(pending, pendingBytes);
}

/** Where an element is. `digest` begins the SHA-256 of its bytes, in hexadecimal. */
export type PackedElement = { readonly range: ByteRange; readonly digest: string };

/** The part of the pack that tells where element `index` is. */
export function entryRange(index: number): ByteRange {
  return { offset: index * entryBytes, length: entryBytes };
}

/** `entry` is what stands in `entryRange`. */
export function parseEntry(entry: Uint8Array): PackedElement {
  const bytes = Buffer.from(entry.buffer, entry.byteOffset, entry.byteLength);
  const offset = Number(bytes.readBigUInt64LE(0));
  const length = Number(bytes.readBigUInt64LE(8));
  return { range: { offset, length }, digest: bytes.toString("hex", 16, entryBytes) };
}

/** @throws ArtifactStoreError */
export function verifyElement(bytes: Uint8Array, element: PackedElement): void {
  if (identify([bytes]).startsWith(element.digest)) return;
  const message = "the bytes of a foreach element are not those that were stored; run the step that made the foreach again";
  throw new ArtifactStoreError("corrupt", message);
}
