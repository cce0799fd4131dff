// Signs URLs that let somebody without credentials read one object, or write one of exactly this content.
//
// N1. A URL to write is good for these bytes alone: their length and SHA-256 are signed, and so is that nothing may be there.
// N2. Signing asks nobody, except before a list may be replaced: only by the same list, since its name doesn't say what is in it.

import { hash } from "node:crypto";
import type { S3Client } from "@aws-sdk/client-s3";
import type { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { pieceListBytesMax, type BlobGrant, type BlobRequest } from "../../../proto/blobs.ts";
import { unreachable } from "../../../proto/unreachable.ts";
import { ArtifactStoreError } from "../store.ts";
import type { AwsSdk } from "./aws-client.ts";
import { openObject, readAtMost } from "./object-reader.ts";
import type { ReadPacing } from "./object-reader.ts";
import type { BlobObjects, ObjectName } from "./objects.ts";
import { base64Of, keyOf } from "./place.ts";
import type { S3Place } from "./place.ts";

type PutRequest = Extract<BlobRequest, { readonly kind: "put" | "putList" }>;
type SignUrl = typeof getSignedUrl;

const boundHeaders = ["x-amz-checksum-sha256", "if-none-match"];

export class S3Presigner {
  readonly #sdk: AwsSdk;
  readonly #client: S3Client;
  readonly #place: S3Place;
  readonly #signUrl: SignUrl;

  private constructor(parts: { readonly sdk: AwsSdk; readonly client: S3Client; readonly place: S3Place; readonly signUrl: SignUrl }) {
    this.#sdk = parts.sdk;
    this.#client = parts.client;
    this.#place = parts.place;
    this.#signUrl = parts.signUrl;
  }

  static async open(sdk: AwsSdk, client: S3Client, place: S3Place): Promise<S3Presigner> {
    const presigning = await import("@aws-sdk/s3-request-presigner");
    return new S3Presigner({ sdk, client, place, signUrl: presigning.getSignedUrl });
  }

  async sign(request: BlobRequest, expiresInSeconds: number): Promise<BlobGrant> {
    switch (request.kind) {
      case "get":
      case "getList":
        return this.#signGet(nameOf(request), expiresInSeconds);
      case "head":
        return this.#signHead(nameOf(request), expiresInSeconds);
      case "put":
      case "putList":
        return this.#signPut(request, expiresInSeconds);
      default:
        return unreachable(request);
    }
  }

  async #signGet(name: ObjectName, expiresIn: number): Promise<BlobGrant> {
    const command = new this.#sdk.GetObjectCommand(this.#address(name));
    return { url: await this.#signUrl(this.#client, command, { expiresIn }), headers: {} };
  }

  async #signHead(name: ObjectName, expiresIn: number): Promise<BlobGrant> {
    const command = new this.#sdk.HeadObjectCommand({ ...this.#address(name), ChecksumMode: "ENABLED" });
    const unhoistableHeaders = new Set(["x-amz-checksum-mode"]);
    return {
      url: await this.#signUrl(this.#client, command, { expiresIn, unhoistableHeaders }),
      headers: { "x-amz-checksum-mode": "ENABLED" },
    };
  }

  async #signPut(request: PutRequest, expiresIn: number): Promise<BlobGrant> {
    const checksum = base64Of(request.kind === "put" ? request.sha256 : request.checksum);
    const onlyNew = request.replace !== true;
    const command = new this.#sdk.PutObjectCommand({
      ...this.#address(nameOf(request)),
      ContentLength: request.size,
      ChecksumSHA256: checksum,
      ...(onlyNew && { IfNoneMatch: "*" }),
    });
    const url = await this.#signUrl(this.#client, command, {
      expiresIn,
      unhoistableHeaders: new Set(boundHeaders),
      signableHeaders: new Set(["host", "content-length", ...boundHeaders]),
    });
    return { url, headers: { "x-amz-checksum-sha256": checksum, ...(onlyNew && { "if-none-match": "*" }) } };
  }

  #address(name: ObjectName): { readonly Bucket: string; readonly Key: string } {
    return { Bucket: this.#place.bucket, Key: keyOf(this.#place, name) };
  }
}

function nameOf(request: BlobRequest): ObjectName {
  const isList = request.kind === "getList" || request.kind === "putList" || (request.kind === "head" && request.list === true);
  return { sha256: request.sha256, part: isList ? "list" : "bytes" };
}

/** @throws ArtifactStoreError where a list is to be replaced by another */
export async function checkReplacement(objects: BlobObjects, request: BlobRequest, pacing: ReadPacing): Promise<void> {
  if (request.kind !== "putList" || request.replace !== true) return;
  const open = await openObject((range) => objects.read(nameOf(request), range), { from: 0, to: null }, pacing);
  if (open === null) return;
  const there = await readAtMost(open, pieceListBytesMax);
  if (there !== null && hash("sha256", there) === request.checksum) return;
  const message = `the list of the pieces of blob ${request.sha256} (${objects.place}) may not be replaced by another; who has credentials for the bucket can delete it`;
  throw new ArtifactStoreError("denied", message);
}
