// The blobs of a coordinator that keeps them in a folder, for workers and clients with and without that folder.

import type { BlobGrant, BlobPlace, BlobRequest, HttpPort } from "../../../proto/blobs.ts";
import type { Sha256 } from "../../../proto/ids.ts";
import { unreachable } from "../../../proto/unreachable.ts";
import type { BlobAccess } from "../../ports/blob-access.ts";
import type { SignedAccess, SignedUrls } from "./signed-urls.ts";

export type FileBlobsOptions = {
  /** Null: nobody is told of the folder, and everything goes over HTTP. `mark` is the content of its file `mark`. */
  readonly folder: { readonly root: string; readonly mark: string } | null;
  /** Where blob-routes.ts are served; null: nowhere, and only those who have the folder get blobs. */
  readonly http: HttpPort | null;
  readonly urls: SignedUrls;
};

export function fileBlobs({ folder, http, urls }: FileBlobsOptions): BlobAccess {
  const places: BlobPlace[] = [];
  if (folder !== null) places.push({ kind: "files", ...folder });
  if (http !== null) places.push({ kind: "presigned", http });
  return {
    places,
    sign: async (requests) => requests.map((request) => grantOf(request, urls)),
    piecesOf: async () => new Set<Sha256>(),
  };
}

function grantOf(request: BlobRequest, urls: SignedUrls): BlobGrant {
  return { url: urls.sign(accessOf(request)), headers: {} };
}

function accessOf(request: BlobRequest): SignedAccess {
  const { sha256 } = request;
  switch (request.kind) {
    case "get":
      return { method: "GET", sha256, part: "bytes" };
    case "getList":
      return { method: "GET", sha256, part: "list" };
    case "head":
      return { method: "HEAD", sha256, part: request.list === true ? "list" : "bytes" };
    case "put":
      return { method: "PUT", sha256, part: "bytes", size: request.size, checksum: sha256 };
    case "putList":
      return { method: "PUT", sha256, part: "list", size: request.size, checksum: request.checksum };
    default:
      return unreachable(request);
  }
}
