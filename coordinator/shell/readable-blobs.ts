// Whether requests for blobs stay within what somebody may read.
//
// R1. A blob may be read that is named, and a piece of a blob that is named. What is a piece says the stored list, not who asks.

import type { BlobRequest } from "../../proto/blobs.ts";
import type { Sha256 } from "../../proto/ids.ts";
import { unreachable } from "../../proto/unreachable.ts";
import type { BlobAccess } from "../ports/blob-access.ts";

/** The first request that asks for too much; null where none does. @throws ArtifactStoreError */
export async function objectionTo(
  requests: readonly BlobRequest[],
  readable: ReadonlySet<Sha256>,
  access: BlobAccess,
): Promise<BlobRequest | null> {
  for (const request of requests) if (!(await mayAsk(request, readable, access))) return request;
  return null;
}

async function mayAsk(request: BlobRequest, readable: ReadonlySet<Sha256>, access: BlobAccess): Promise<boolean> {
  switch (request.kind) {
    case "get":
      if (readable.has(request.sha256)) return true;
      if (request.of === undefined || !readable.has(request.of)) return false;
      return (await access.piecesOf(request.of)).has(request.sha256);
    case "getList":
      return readable.has(request.sha256);
    // Whoever writes a blob knows its bytes, and may know that it is there already.
    case "head":
    case "put":
    case "putList":
      return true;
    default:
      return unreachable(request);
  }
}
