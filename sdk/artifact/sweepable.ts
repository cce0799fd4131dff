// What collecting garbage needs of an artifact store, beyond what everybody may do with one.

import type { Sha256 } from "../../proto/ids.ts";

export type ListedBlob = {
  readonly sha256: Sha256;
  /** What is stored under the blob's name: its bytes, or the list of the pieces that it is stored in. */
  readonly part: "bytes" | "list";
  /** Bytes, of the list where it is one. */
  readonly size: number;
  readonly modifiedAtMs: number;
};

/**
 * Promises: a blob that is there before and after the whole listing is listed; names rise. Whoever writes a blob that is
 * there already and older than `renewedAfterMs` makes it new, so that what was found there is not swept soon after.
 */
export interface SweepableStore {
  /** All that is stored, in the order of names; `after` leaves out all up to that name. */
  list(after?: Sha256): AsyncIterable<ListedBlob>;
  /** The blobs that this one is stored in pieces as: they are needed as long as it is. None where it is whole. */
  piecesOf(sha256: Sha256): Promise<readonly Sha256[]>;
  /** Deletes what is stored under the names, unless it was stored at `storedBeforeMs` or later; what isn't there is no error. */
  delete(names: readonly Sha256[], storedBeforeMs?: number): Promise<void>;
}

/** A blob that is older than this is made new when somebody stores it again. */
export const renewedAfterMs = 24 * 60 * 60 * 1000;
