// Reads kept values back: at once for an author who touches `this.model`, or without blocking for a client.

import type { ArtifactRef, Element, StoredRef } from "../../proto/artifact.ts";
import { unreachable } from "../../proto/unreachable.ts";
import type { Sha256 } from "../../proto/ids.ts";
import { decode, identify } from "./codec.ts";
import { StoredFile } from "./file.ts";
import { entryRange, parseEntry, verifyElement } from "./pack.ts";
import { ArtifactStoreError } from "./store.ts";
import type { ArtifactStore, BlockingReader, ByteRange } from "./store.ts";
import { TaskError } from "./task-error.ts";

export type ReadOptions = {
  /** Gives the folder for copies of files; without it, one in the system's temporary folder until the process ends. */
  readonly filesFolder?: () => string;
};

/** @throws ArtifactStoreError, EncodingError */
export function readArtifactSync(ref: ArtifactRef, store: BlockingReader, options: ReadOptions = {}): unknown {
  if (ref.kind === "caught") return new TaskError(ref);
  const { sha256, range, inline } = locate(ref);
  return open(ref, inline ?? store.getSync(sha256, range), { store, ...options });
}

/** @throws ArtifactStoreError, EncodingError */
export async function readArtifact(ref: ArtifactRef, store: ArtifactStore, options: ReadOptions = {}): Promise<unknown> {
  if (ref.kind === "caught") return new TaskError(ref);
  const { sha256, range, inline } = locate(ref);
  return open(ref, inline ?? (await store.get(sha256, range)), { store, ...options });
}

/** @throws ArtifactStoreError, EncodingError */
export function readElementSync(element: Element, store: BlockingReader, options: ReadOptions = {}): unknown {
  if (element.kind === "inline") return decodeFrom(Buffer.from(element.base64, "base64"), { store, ...options });
  const place = parseEntry(store.getSync(element.pack, entryRange(element.index)));
  const bytes = store.getSync(element.pack, place.range);
  verifyElement(bytes, place);
  return decodeFrom(bytes, { store, ...options });
}

/** @throws ArtifactStoreError, EncodingError */
export async function readElement(element: Element, store: ArtifactStore, options: ReadOptions = {}): Promise<unknown> {
  if (element.kind === "inline") return decodeFrom(Buffer.from(element.base64, "base64"), { store, ...options });
  const place = parseEntry(await store.get(element.pack, entryRange(element.index)));
  const bytes = await store.get(element.pack, place.range);
  verifyElement(bytes, place);
  return decodeFrom(bytes, { store, ...options });
}

type Source = ReadOptions & { readonly store: ArtifactStore | BlockingReader };

function locate(ref: StoredRef): { readonly sha256: Sha256; readonly range?: ByteRange; readonly inline?: Uint8Array } {
  const { place } = ref;
  switch (place.kind) {
    case "inline":
      return { sha256: ref.sha256, inline: Buffer.from(place.base64, "base64") };
    case "blob":
      return { sha256: ref.sha256 };
    case "pack":
      return { sha256: place.pack, range: { offset: place.offset, length: place.length ?? ref.size } };
    default:
      return unreachable(place);
  }
}

function open(ref: StoredRef, bytes: Uint8Array, source: Source): unknown {
  // The store verifies whole blobs, and what rides inline came in one message with its hash; a slice nobody has verified.
  if (ref.place.kind === "pack" && identify([bytes]) !== ref.sha256) {
    throw new ArtifactStoreError(
      "corrupt",
      `${bytes.length} bytes at ${ref.place.offset} of pack ${ref.place.pack} are not those that were stored; run the task that made them again`,
    );
  }
  return decodeFrom(bytes, source);
}

function decodeFrom(bytes: Uint8Array, source: Source): unknown {
  return decode(bytes, (file) => new StoredFile(file, source.store, source.filesFolder));
}
