// Where blobs are, and how somebody without keys of his own is let read or write exactly one.

import type { Sha256 } from "./ids.ts";

/** A way to the coordinator's blobs. A coordinator names all that it offers, the best first. */
export type BlobPlace =
  /** A folder. `mark` is what its file `mark` says: a folder of the same name on another machine has another one. */
  | { readonly kind: "files"; readonly root: string; readonly mark: string }
  /** A bucket, for those who have credentials for it. */
  | {
      readonly kind: "s3";
      readonly bucket: string;
      readonly prefix: string;
      readonly region: string | null;
      readonly endpoint: string | null;
      readonly pathStyle: boolean;
    }
  /**
   * URLs that the coordinator grants, one for each blob. Those without a host lead to its own HTTP port, which is on the host
   * that it is reached at. `dataRoot` is the folder of the bucket behind them that step code with credentials of its own may
   * keep data in, as an address: `s3://BUCKET/PREFIX/data`.
   */
  | { readonly kind: "presigned"; readonly http: HttpPort | null; readonly dataRoot?: string };

/** Whether the blobs outlive the coordinator's folder: then every value is to be among them, also what rides in the ledger. */
export function isBucket(place: Exclude<BlobPlace, { kind: "files" }>): boolean {
  return place.kind === "s3" || place.http === null;
}

export type HttpPort = { readonly port: number; readonly tls: boolean };

/** Of a list of pieces: whoever reads one holds all of it. Enough for a blob of some terabytes. */
export const pieceListBytesMax = 16 * 1024 * 1024;

/**
 * A request to be let read one blob, or write one of exactly this content. `size` in bytes. A large blob may be stored in
 * pieces, which are blobs too, and a list of them under the large blob's name.
 */
export type BlobRequest =
  /** `of` is the blob that this one is a piece of, where it is asked for as one. */
  | { readonly kind: "get"; readonly sha256: Sha256; readonly of?: Sha256 }
  /** Whether it is there, or with `list` the list of its pieces, and how large that is. */
  | { readonly kind: "head"; readonly sha256: Sha256; readonly list?: boolean }
  /** `replace` writes it over what is there, which has other bytes or is old. */
  | { readonly kind: "put"; readonly sha256: Sha256; readonly size: number; readonly replace?: boolean }
  /** The list of the pieces of `sha256`. */
  | { readonly kind: "getList"; readonly sha256: Sha256 }
  /** `size` and `checksum` are the list's own. */
  | {
      readonly kind: "putList";
      readonly sha256: Sha256;
      readonly size: number;
      readonly checksum: Sha256;
      readonly replace?: boolean;
    };

/** Good for one blob and a while. The headers are part of what was signed: they must be sent as they are. */
export type BlobGrant = { readonly url: string; readonly headers: Readonly<Record<string, string>> };

/** `grants` are in the order of the requests. */
export type BlobAnswer =
  | { readonly kind: "granted"; readonly grants: readonly BlobGrant[] }
  | { readonly kind: "refused"; readonly message: string };

/** Requests in one item or call. */
export const blobRequestsMax = 500;
