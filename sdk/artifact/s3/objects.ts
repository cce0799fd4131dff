// The port between the store, which knows blobs and pieces, and what carries objects: the AWS SDK, or URLs that were granted.
//
// Each method is one request, tried once: who calls it decides about another try. It throws RequestFailure alone.

import type { Sha256 } from "../../../proto/ids.ts";

/** The bytes of a blob, or the list of the pieces that it is stored in. */
export type ObjectName = { readonly sha256: Sha256; readonly part: "bytes" | "list" };

/** `from` and `to` are offsets in the object; `to`, which is not read any more, may lie beyond the end. */
export type ObjectRange = { readonly from: number; readonly to: number | null };

/** It holds a connection until its body has been read or it is cancelled. */
export type ObjectBody = {
  /** Of the whole object. Bytes. */
  readonly size: number;
  /** Of the first byte in `body`. */
  readonly offset: number;
  readonly body: AsyncIterable<Uint8Array>;
  cancel(): void;
};

/** What is known without reading. Null is what the server does not tell. */
export type ObjectFacts = {
  readonly size: number;
  readonly sha256: Sha256 | null;
  /** In hexadecimal. */
  readonly md5: string | null;
  readonly modifiedAtMs: number | null;
};

export type ObjectWrite = {
  readonly bytes: Uint8Array;
  /** The SHA-256 of `bytes`. */
  readonly checksum: Sha256;
  /** Over what is there. Otherwise only if nothing is. */
  readonly replace: boolean;
};

export interface BlobObjects {
  /** Where the objects are, for errors: `s3://bucket/prefix`. */
  readonly place: string;
  /** Null if it isn't there. `pieceOf` is the blob that this one is a piece of, when it is read as one. */
  read(name: ObjectName, range: ObjectRange, pieceOf?: Sha256): Promise<ObjectBody | null>;
  /** Null if it isn't there. */
  look(name: ObjectName): Promise<ObjectFacts | null>;
  write(name: ObjectName, write: ObjectWrite): Promise<"written" | "exists">;
}
