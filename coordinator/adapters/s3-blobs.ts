// The blobs of a coordinator that keeps them in a bucket, for workers and clients with and without credentials of their own.

import type { Sha256 } from "../../proto/ids.ts";
import { dataRootOf, type S3Place } from "../../sdk/artifact/s3/place.ts";
import type { S3ArtifactStore } from "../../sdk/artifact/s3/s3-store.ts";
import type { BlobAccess } from "../ports/blob-access.ts";

/** A URL is used at once; time enough for a body of a piece's length on a slow line. */
const urlSeconds = 15 * 60;

export type S3BlobsOptions = {
  readonly store: S3ArtifactStore;
  readonly place: S3Place;
  /** `role`: workers and clients have credentials for the bucket, and nobody is given URLs. */
  readonly access: "presigned" | "role";
};

export function s3Blobs({ store, place, access }: S3BlobsOptions): BlobAccess {
  return {
    places: access === "role" ? [{ kind: "s3", ...place }] : [{ kind: "presigned", http: null, dataRoot: dataRootOf(place) }],
    sign: (requests) => store.sign(requests, { expiresInSeconds: urlSeconds }),
    piecesOf: async (sha256) => new Set<Sha256>(await store.piecesOf(sha256)),
  };
}
