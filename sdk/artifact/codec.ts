// Values to bytes and back: everything that structured clone can carry, plus errors with their own properties and files.
//
// Two views of one buffer share it again only where both show the same part of it. Own properties of dates, maps and the
// like, symbol keys and getters are dropped, as structured clone drops them.

import { createHash, hash } from "node:crypto";
import { types } from "node:util";
import { parseSha256 } from "../../proto/ids.ts";
import type { Sha256 } from "../../proto/ids.ts";
import { asFile } from "./file.ts";
import { RefusedArtifactError } from "./refused.ts";
import { EncodingError, readValue } from "./value-reader.ts";
import type { OpenFile } from "./value-reader.ts";
import { writeValue } from "./value-writer.ts";

/**
 * The bytes in chunks, which show the memory of large typed arrays instead of copying it: use them before that changes.
 * @throws RefusedArtifactError
 */
export function encode(value: unknown, artifact: string): Uint8Array[] {
  const { chunks, unstored } = writeValue(value, { artifact, path: "" });
  const [file] = unstored;
  if (file !== undefined) {
    throw new RefusedArtifactError({ artifact, path: "" }, `it holds the file ${file.name}, which is not stored yet; keep it first`);
  }
  return chunks;
}

/**
 * `bytes` belong to the value afterwards: a large typed array goes on using them.
 * @throws EncodingError
 */
export function decode(bytes: Uint8Array, openFile: OpenFile = refuseFile): unknown {
  return readValue(bytes, openFile);
}

/** For people: `number`, `array(3)`, `Float64Array(1000)`, `TypeError`, `file`. */
export function describeType(value: unknown): string {
  if (value === null) return "null";
  if (typeof value !== "object") return typeof value;
  if (Array.isArray(value)) return `array(${value.length})`;
  if (Buffer.isBuffer(value)) return `Buffer(${value.length})`;
  if (types.isTypedArray(value)) return `${value[Symbol.toStringTag]}(${value.length})`;
  if (types.isDataView(value) || types.isAnyArrayBuffer(value)) return `${value[Symbol.toStringTag]}(${value.byteLength})`;
  if (types.isMap(value)) return `Map(${value.size})`;
  if (types.isSet(value)) return `Set(${value.size})`;
  if (types.isDate(value)) return "Date";
  if (types.isRegExp(value)) return "RegExp";
  if (value instanceof Error) return value.name;
  return asFile(value) === undefined ? "object" : "file";
}

export function sizeOf(chunks: readonly Uint8Array[]): number {
  return chunks.reduce((size, chunk) => size + chunk.length, 0);
}

/** What the encoding would be named if it were kept: tells whether a value is still the one that was read. */
export function identify(chunks: readonly Uint8Array[]): Sha256 {
  const [first] = chunks;
  if (chunks.length === 1 && first !== undefined && first.length < hashBytesMax) return parseSha256(hash("sha256", first));
  const state = createHash("sha256");
  for (const chunk of chunks) {
    for (let at = 0; at < chunk.length; at += hashBytesMax) state.update(chunk.subarray(at, at + hashBytesMax));
  }
  return parseSha256(state.digest("hex"));
}

// One update takes less than 2 GiB.
const hashBytesMax = 1024 * 1024 * 1024;

function refuseFile(): never {
  throw new EncodingError("this value holds a file; read it through the store that has it");
}
