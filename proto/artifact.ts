// References to artifacts: what events and orders carry instead of the values themselves.

import type { Sha256, TaskId } from "./ids.ts";
import type { Failure } from "./failure.ts";
import { unreachable } from "./unreachable.ts";

/** Where the encoded bytes of a value are. */
export type ArtifactPlace =
  /** `base64` of the encoded bytes rides along. `copy` is where they are in the store too, if it holds every value. */
  | { readonly kind: "inline"; readonly base64: string; readonly copy?: { readonly pack: Sha256; readonly offset: number } }
  /** A blob of its own, named by the SHA-256 of the encoded bytes. */
  | { readonly kind: "blob" }
  /**
   * A slice of a pack; the pack is a blob named by its own SHA-256. `length` is the slice's where `size` says something
   * else, as it does of a file.
   */
  | { readonly kind: "pack"; readonly pack: Sha256; readonly offset: number; readonly length?: number };

/** A kept value. `sha256` is of its encoded bytes; equal hashes mean equal values. */
export type StoredRef = {
  readonly kind: "stored";
  readonly sha256: Sha256;
  /** Bytes of the encoding; of the file, where the value is one. */
  readonly size: number;
  /** For people: `number`, `string`, `array(3)`, `Float64Array(1000)`, `file`. */
  readonly type: string;
  readonly place: ArtifactPlace;
  /** The blobs of the files in the value, each once; absent where there are none. Who has the value may read these too. */
  readonly blobs?: readonly Sha256[];
};

/** What `@catchError({ var })` leaves: read back as an Error. It needs no stored bytes, so a dead process can leave one. */
export type CaughtRef = { readonly kind: "caught"; readonly task: TaskId; readonly attempt: number; readonly failure: Failure };

export type ArtifactRef = StoredRef | CaughtRef;

export type Artifacts = Readonly<Record<string, ArtifactRef>>;

/** The artifact under which a task's card is kept. It is the task's own: the tasks after it do not see it. */
export const cardArtifact = "_card";

/** The blobs of the files in elements, by the element's index; elements without files are not in it. */
type ElementBlobs = Readonly<Record<string, readonly Sha256[]>>;

/** The elements of a foreach, each encoded by itself, so that a child reads its own and nobody else's. */
export type Elements =
  | { readonly kind: "inline"; readonly base64: readonly string[]; readonly blobs?: ElementBlobs }
  /** A pack whose index table has `count` entries; see sdk/artifact/pack. */
  | { readonly kind: "pack"; readonly pack: Sha256; readonly count: number; readonly blobs?: ElementBlobs };

/** One element of a foreach as a child gets it, with the blobs of the files in it. */
export type Element =
  | { readonly kind: "inline"; readonly base64: string; readonly blobs?: readonly Sha256[] }
  | { readonly kind: "pack"; readonly pack: Sha256; readonly index: number; readonly blobs?: readonly Sha256[] };

export function countOf(elements: Elements): number {
  return elements.kind === "inline" ? elements.base64.length : elements.count;
}

export function elementAt(elements: Elements, index: number): Element {
  const blobs = elements.blobs?.[index];
  const pointed = blobs === undefined ? {} : { blobs };
  if (elements.kind === "pack") return { kind: "pack", pack: elements.pack, index, ...pointed };
  const base64 = elements.base64[index];
  if (base64 === undefined) throw new Error(`foreach has no element ${index}`);
  return { kind: "inline", base64, ...pointed };
}

/** Every blob that must be there for a value to be read: its own, its pack, its files. */
export function blobsOf(ref: ArtifactRef): readonly Sha256[] {
  if (ref.kind === "caught") return [];
  return [...placeBlobs(ref), ...(ref.blobs ?? [])];
}

/** Every blob that must be there for an element to be read. */
export function blobsOfElement(element: Element): readonly Sha256[] {
  return [...(element.kind === "pack" ? [element.pack] : []), ...(element.blobs ?? [])];
}

/** Every blob that must be there for all elements to be read. */
export function blobsOfElements(elements: Elements): readonly Sha256[] {
  const pointed = Object.values(elements.blobs ?? {}).flat();
  return [...new Set([...(elements.kind === "pack" ? [elements.pack] : []), ...pointed])];
}

function placeBlobs({ place, sha256 }: StoredRef): readonly Sha256[] {
  switch (place.kind) {
    case "inline":
      return place.copy === undefined ? [] : [place.copy.pack];
    case "blob":
      return [sha256];
    case "pack":
      return [place.pack];
    default:
      return unreachable(place);
  }
}

/** Two references to the same value, wherever its bytes are. */
export function sameValue(a: ArtifactRef, b: ArtifactRef): boolean {
  if (a.kind === "stored") return b.kind === "stored" && a.sha256 === b.sha256;
  return b.kind === "caught" && a.task === b.task && a.attempt === b.attempt;
}

/** Values whose encoding is at most this long ride inline in the outcome. Bytes. */
export const inlineBytesMax = 1024;
/** All inline values of one outcome together; beyond it they go into a pack. Bytes. */
export const inlineTotalBytesMax = 16 * 1024;
/** Encodings longer than this are blobs of their own instead of slices of the task's pack. Bytes. */
export const packedBytesMax = 256 * 1024;
/** The elements of a foreach ride inline together up to this many bytes. */
export const inlineElementsBytesMax = 64 * 1024;
