// Opens the blobs of a coordinator elsewhere, by a way that it has named: a bucket, or URLs that it grants.

import type { BlobGrant, BlobPlace, BlobRequest } from "../../proto/blobs.ts";
import type { Endpoint } from "../wire/endpoint.ts";
import type { ArtifactStore } from "./store.ts";

export type PlaceOptions = {
  /** Leave for single blobs, from the coordinator. */
  readonly grant: (requests: readonly BlobRequest[]) => Promise<readonly BlobGrant[]>;
  /** How the coordinator is reached: its own HTTP port is on the same host, with the same authority. Null in its own process. */
  readonly endpoint: Endpoint | null;
};

export async function openPlace(place: Exclude<BlobPlace, { kind: "files" }>, options: PlaceOptions): Promise<ArtifactStore> {
  throw new Error(`${place.kind} ${options.endpoint?.address}`);
}
