import type { BlobGrant, BlobPlace, BlobRequest } from "../../proto/blobs.ts";
import type { Sha256 } from "../../proto/ids.ts";

/** How workers and clients elsewhere come by the coordinator's blobs. */
export interface BlobAccess {
  /** What they are offered, the best first. */
  readonly places: readonly BlobPlace[];
  /** Leave for each request, in their order. Whoever asks is known to be allowed to. Contacts nobody. */
  sign(requests: readonly BlobRequest[]): Promise<readonly BlobGrant[]>;
  /** The pieces that a large blob is stored in; none where it is stored whole, or not there. @throws ArtifactStoreError */
  piecesOf(sha256: Sha256): Promise<ReadonlySet<Sha256>>;
}
