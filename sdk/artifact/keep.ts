// Keeps what a step has set: small values inline, middling ones together in one pack, large ones as blobs of their own.
//
// K1. Where everything rides inline, nothing is written and nothing is waited for; unless the store is to hold that too: then
//     it is in the pack, so that a task still costs one write.
// K2. Which place a value gets depends on the values and their order alone, so that a repeated attempt stores the same blobs.

import { inlineBytesMax, inlineElementsBytesMax, inlineTotalBytesMax, packedBytesMax } from "../../proto/artifact.ts";
import type { ArtifactPlace, Artifacts, Elements, StoredRef } from "../../proto/artifact.ts";
import type { Sha256 } from "../../proto/ids.ts";
import { describeType, identify, sizeOf } from "./codec.ts";
import { asFile } from "./file.ts";
import type { LocalFile } from "./file.ts";
import { packElements } from "./pack.ts";
import { RefusedArtifactError } from "./refused.ts";
import { ArtifactStoreError } from "./store.ts";
import type { ArtifactStore } from "./store.ts";
import { writeValue } from "./value-writer.ts";
import type { Encoding, Place } from "./value-writer.ts";

/** A blob up to this size is put at once, which spares writing one that is there already. Bytes. */
const putBytesMax = 8 * 1024 * 1024;

type Encoded = {
  readonly name: string;
  readonly type: string;
  readonly chunks: readonly Uint8Array[];
  /** Bytes of the encoding. */
  readonly size: number;
  /** Bytes of the file, where the value is one. */
  readonly fileSize: number | null;
  readonly blobs: readonly Sha256[];
};

/**
 * References to the values, which are durable in the store unless they ride inline. Values must not change meanwhile.
 * @throws RefusedArtifactError, ArtifactStoreError
 */
export async function keepArtifacts(values: ReadonlyMap<string, unknown>, store: ArtifactStore): Promise<Artifacts> {
  const encoded: Encoded[] = [];
  for (const [name, value] of values) {
    const place = { artifact: name, path: "" };
    const { chunks, blobs } = encodeNow(value, place) ?? (await encodeWithFiles(value, place, store));
    encoded.push({ name, type: describeType(value), chunks, size: sizeOf(chunks), fileSize: fileSizeOf(value), blobs });
  }
  const { inline, packed, alone } = placesOf(encoded);
  const refs = new Map<string, StoredRef>();
  const copies = inline.length > 0 && (await store.keepsInline) === true; // K1
  if (copies) await keepPacked([...inline, ...packed], inline.length, { store, refs });
  else if (packed.length > 1) await keepPacked(packed, 0, { store, refs });
  for (const each of copies || packed.length > 1 ? alone : [...packed, ...alone]) {
    const sha256 = await putChunks(each.chunks, each.size, store);
    refs.set(each.name, refOf(each, sha256, { kind: "blob" }));
  }
  return Object.fromEntries(encoded.map((each) => [each.name, refs.get(each.name) ?? inlineRef(each)]));
}

/**
 * The elements of a foreach, each to be read by itself. `artifact` names the list in errors.
 * @throws RefusedArtifactError, ArtifactStoreError
 */
export async function keepElements(values: readonly unknown[], store: ArtifactStore, artifact = "foreach"): Promise<Elements> {
  const encoded: (readonly Uint8Array[])[] = [];
  const pointed: [string, readonly Sha256[]][] = [];
  let size = 0;
  for (const [index, value] of values.entries()) {
    const place = { artifact, path: `[${index}]` };
    const { chunks, blobs } = encodeNow(value, place) ?? (await encodeWithFiles(value, place, store));
    encoded.push(chunks);
    if (blobs.length > 0) pointed.push([String(index), blobs]);
    size += sizeOf(chunks);
  }
  const blobs = pointed.length === 0 ? {} : { blobs: Object.fromEntries(pointed) };
  if (size <= inlineElementsBytesMax) {
    return { kind: "inline", base64: encoded.map((chunks) => join(chunks).toString("base64")), ...blobs };
  }
  const { sha256 } = await store.putStream(iterate(packElements(encoded)));
  return { kind: "pack", pack: sha256, count: values.length, ...blobs };
}

function encodeNow(value: unknown, place: Place): Encoding | null {
  const encoding = writeValue(value, place);
  return encoding.unstored.length === 0 ? encoding : null;
}

/** Files have to be stored before they can be named. */
async function encodeWithFiles(value: unknown, place: Place, store: ArtifactStore): Promise<Encoding> {
  for (const file of writeValue(value, place).unstored) await storeFile(file, place, store);
  return writeValue(value, place);
}

function fileSizeOf(value: unknown): number | null {
  const file = typeof value === "object" && value !== null ? asFile(value) : undefined;
  return file?.stored === true ? file.size : null;
}

async function storeFile(file: LocalFile, place: Place, store: ArtifactStore): Promise<void> {
  try {
    await file.store(store);
  } catch (error) {
    if (error instanceof ArtifactStoreError) throw error;
    const message = `its file ${file.path()} could not be read when the step ended: ${String(error)}; leave it there until then`;
    throw new RefusedArtifactError(place, message, { cause: error });
  }
}

type Places = { readonly inline: readonly Encoded[]; readonly packed: readonly Encoded[]; readonly alone: readonly Encoded[] };

function placesOf(encoded: readonly Encoded[]): Places {
  const inline: Encoded[] = [];
  const packed: Encoded[] = [];
  const alone: Encoded[] = [];
  let inlineBytes = 0;
  for (const each of encoded) {
    if (each.size <= inlineBytesMax && inlineBytes + each.size <= inlineTotalBytesMax) {
      inlineBytes += each.size;
      inline.push(each);
    } else if (each.size <= packedBytesMax) packed.push(each);
    else alone.push(each);
  }
  return { inline, packed, alone };
}

/** The first `inlineCount` ride inline as well. */
async function keepPacked(
  together: readonly Encoded[],
  inlineCount: number,
  { store, refs }: { readonly store: ArtifactStore; readonly refs: Map<string, StoredRef> },
): Promise<void> {
  const chunks = together.flatMap((each) => each.chunks);
  const pack = await putChunks(chunks, sizeOf(chunks), store);
  let offset = 0;
  for (const [index, each] of together.entries()) {
    const length = each.fileSize === null ? {} : { length: each.size };
    const copy = { pack, offset };
    refs.set(
      each.name,
      index < inlineCount ? inlineRef(each, copy) : refOf(each, identify(each.chunks), { kind: "pack", ...copy, ...length }),
    );
    offset += each.size;
  }
}

function inlineRef(each: Encoded, copy?: { readonly pack: Sha256; readonly offset: number }): StoredRef {
  const base64 = join(each.chunks).toString("base64");
  return refOf(each, identify(each.chunks), { kind: "inline", base64, ...(copy !== undefined && { copy }) });
}

async function putChunks(chunks: readonly Uint8Array[], size: number, store: ArtifactStore): Promise<Sha256> {
  if (size <= putBytesMax) return store.put(join(chunks));
  return (await store.putStream(iterate(chunks))).sha256;
}

function refOf(each: Encoded, sha256: Sha256, place: ArtifactPlace): StoredRef {
  const blobs = each.blobs.length === 0 ? {} : { blobs: each.blobs };
  return { kind: "stored", sha256, size: each.fileSize ?? each.size, type: each.type, place, ...blobs };
}

function join(chunks: readonly Uint8Array[]): Buffer {
  const [first] = chunks;
  if (chunks.length === 1 && first !== undefined) return Buffer.from(first.buffer, first.byteOffset, first.byteLength);
  return Buffer.concat(chunks);
}

async function* iterate(chunks: Iterable<Uint8Array>): AsyncIterable<Uint8Array> {
  yield* chunks;
}
