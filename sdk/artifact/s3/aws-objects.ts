// Objects in a bucket, for who has credentials for it.

import type { Readable } from "node:stream";
import type { PutObjectCommandInput, S3Client } from "@aws-sdk/client-s3";
import { parseSha256 } from "../../../proto/ids.ts";
import { failureOf, payloadHashStep, withPayloadHash } from "./aws-client.ts";
import type { AwsSdk } from "./aws-client.ts";
import type { BlobObjects, ObjectBody, ObjectFacts, ObjectName, ObjectRange, ObjectWrite } from "./objects.ts";
import { base64Of, keyOf, placeText } from "./place.ts";
import type { S3Place } from "./place.ts";

export class AwsObjects implements BlobObjects {
  readonly place: string;
  readonly #sdk: AwsSdk;
  readonly #client: S3Client;
  readonly #where: S3Place;

  constructor(sdk: AwsSdk, client: S3Client, where: S3Place) {
    this.#sdk = sdk;
    this.#client = client;
    this.#where = where;
    this.place = placeText(where);
  }

  async read(name: ObjectName, { from, to }: ObjectRange): Promise<ObjectBody | null> {
    const range = from === 0 && to === null ? {} : { Range: `bytes=${from}-${to === null ? "" : to - 1}` };
    try {
      const answer = await this.#client.send(new this.#sdk.GetObjectCommand({ ...this.#address(name), ...range }));
      // In Node it is a stream of Node's.
      const body = answer.Body as Readable;
      const place = parseContentRange(answer.ContentRange) ?? { offset: 0, size: answer.ContentLength ?? 0 };
      return { ...place, body, cancel: () => void body.destroy() };
    } catch (error) {
      if (error instanceof Error && error.name === "InvalidRange") return emptyBody;
      return orMissing(error);
    }
  }

  async look(name: ObjectName): Promise<ObjectFacts | null> {
    try {
      const facts = await this.#client.send(new this.#sdk.HeadObjectCommand({ ...this.#address(name), ChecksumMode: "ENABLED" }));
      return {
        size: facts.ContentLength ?? 0,
        sha256: sha256Of(facts.ChecksumSHA256),
        md5: md5Of(facts.ETag),
        modifiedAtMs: facts.LastModified?.getTime() ?? null,
      };
    } catch (error) {
      return orMissing(error);
    }
  }

  async write(name: ObjectName, { bytes, checksum, replace }: ObjectWrite): Promise<"written" | "exists"> {
    const input: PutObjectCommandInput = {
      ...this.#address(name),
      Body: bytes,
      ContentLength: bytes.length,
      ChecksumSHA256: base64Of(checksum),
      ...(!replace && { IfNoneMatch: "*" }),
    };
    const command = new this.#sdk.PutObjectCommand(input);
    command.middlewareStack.add((next) => (sent) => next(withPayloadHash(sent, checksum)), payloadHashStep);
    try {
      await this.#client.send(command);
      return "written";
    } catch (error) {
      if (error instanceof Error && error.name === "PreconditionFailed") return "exists";
      const failure = failureOf(error);
      throw failure ?? error;
    }
  }

  #address(name: ObjectName): { readonly Bucket: string; readonly Key: string } {
    return { Bucket: this.#where.bucket, Key: keyOf(this.#where, name) };
  }
}

/** What was asked for lies beyond the end. */
const emptyBody: ObjectBody = { size: 0, offset: 0, body: nothing(), cancel: () => {} };

async function* nothing(): AsyncIterable<Uint8Array> {}

function orMissing(error: unknown): null {
  const failure = failureOf(error);
  if (failure !== null) throw failure;
  return null;
}

/** `bytes 10-19/100` */
export function parseContentRange(text: string | undefined): { readonly offset: number; readonly size: number } | null {
  const found = /^bytes (\d+)-\d+\/(\d+)$/.exec(text ?? "");
  return found === null ? null : { offset: Number(found[1]), size: Number(found[2]) };
}

/** Of a checksum of the whole object; one of parts ends in their number. */
export function sha256Of(base64: string | undefined): ObjectFacts["sha256"] {
  if (base64 === undefined || base64.includes("-")) return null;
  return parseSha256(Buffer.from(base64, "base64").toString("hex"));
}

/** Where the server made the entity tag of the bytes' MD5, as most do for what is written at once. */
export function md5Of(etag: string | undefined): string | null {
  return /^"?([0-9a-f]{32})"?$/.exec(etag ?? "")?.[1] ?? null;
}
