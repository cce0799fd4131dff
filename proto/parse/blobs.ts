// Parsers of where blobs are, and of requests for grants and their answers.

import {
  blobRequestsMax,
  pieceListBytesMax,
  type BlobAnswer,
  type BlobGrant,
  type BlobPlace,
  type BlobRequest,
  type HttpPort,
} from "../blobs.ts";
import {
  arrayOf,
  boolean,
  count,
  kind,
  nullable,
  object,
  optional,
  ParseError,
  recordOf,
  root,
  string,
  union,
  type Parser,
} from "./combinators.ts";
import { sha256 } from "./values.ts";

const place = union<BlobPlace>({
  files: object({ kind, root: string, mark: string }),
  s3: object({ kind, bucket: string, prefix: string, region: nullable(string), endpoint: nullable(string), pathStyle: boolean }),
  presigned: object({ kind, http: nullable(object<HttpPort>({ port: count, tls: boolean })), dataRoot: optional(string) }),
});

/** @throws ParseError */
export const parseBlobPlaces: Parser<readonly BlobPlace[]> = root("blobs", arrayOf(place));

const listSize: Parser<number> = (value) => {
  const size = count(value);
  if (size <= pieceListBytesMax) return size;
  throw new ParseError("", `expected at most ${pieceListBytesMax} bytes, got ${size}`);
};

const request = union<BlobRequest>({
  get: object({ kind, sha256, of: optional(sha256) }),
  head: object({ kind, sha256, list: optional(boolean) }),
  put: object({ kind, sha256, size: count, replace: optional(boolean) }),
  getList: object({ kind, sha256 }),
  putList: object({ kind, sha256, size: listSize, checksum: sha256, replace: optional(boolean) }),
});

/** @throws ParseError */
export const parseBlobRequests: Parser<readonly BlobRequest[]> = root("requests", (value) => {
  const requests = arrayOf(request)(value);
  if (requests.length <= blobRequestsMax) return requests;
  throw new ParseError("", `expected at most ${blobRequestsMax} requests at once, got ${requests.length}`);
});

/** @throws ParseError */
export const parseBlobAnswer: Parser<BlobAnswer> = root(
  "answer",
  union<BlobAnswer>({
    granted: object({ kind, grants: arrayOf(object<BlobGrant>({ url: string, headers: recordOf(string) })) }),
    refused: object({ kind, message: string }),
  }),
);
