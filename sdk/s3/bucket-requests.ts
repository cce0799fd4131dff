// What is asked of a bucket: each method is one request, tried once. Who calls it decides about another try.
//
// Q1. What fails throws a RequestFailure; what trying again cannot change and only data know (S3Error) is thrown as it is.
// Q2. Once the signal is aborted every request ends as Stopped.

import type { Readable } from "node:stream";
import type { PutObjectCommandInput, S3Client } from "@aws-sdk/client-s3";
import type { Sha256 } from "../../proto/ids.ts";
import { failureOf, payloadHashStep, withPayloadHash, type AwsSdk } from "../artifact/s3/aws-client.ts";
import { parseContentRange, sha256Of } from "../artifact/s3/aws-objects.ts";
import type { ObjectBody, ObjectRange } from "../artifact/s3/objects.ts";
import { base64Of } from "../artifact/s3/place.ts";
import type { Address } from "./address.ts";
import { S3Error } from "./s3-error.ts";

/** What a server says of an object. */
export type Facts = {
  readonly size: number;
  readonly etag: string;
  readonly lastModified: Date;
  readonly contentType: string | null;
  /** As its writer gave it, with names in lower case. */
  readonly metadata: Readonly<Record<string, string>>;
  /** `AES256`, `aws:kms`; null where the server tells nothing. */
  readonly encryption: string | null;
  /** Of all its bytes, where the server tells it. */
  readonly sha256: Sha256 | null;
  /** Of the checksums of its parts, where it was sent in parts. */
  readonly partsSha256: string | null;
};

export type Encryption = { readonly algorithm: "AES256" | "aws:kms"; readonly kmsKeyId?: string };

export type ObjectHeaders = {
  readonly contentType?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  /** Over what is there (the default). Otherwise only if nothing is. */
  readonly overwrite?: boolean;
};

export type Part = { readonly bytes: Uint8Array; readonly checksum: Sha256 };
export type SentPart = { readonly number: number; readonly etag: string; readonly checksum: Sha256 };
export type Listed = { readonly key: string; readonly size: number; readonly etag: string; readonly lastModified: Date };
export type Page = { readonly objects: readonly Listed[]; readonly folders: readonly string[]; readonly next: string | null };

/** Somebody wants the work to end. */
export class Stopped extends Error {
  override readonly name = "Stopped";
}

/** All bytes came, and they are not those that were written. */
export class Damaged extends Error {
  override readonly name = "Damaged";
}

export class BucketRequests {
  readonly #sdk: AwsSdk;
  readonly #client: S3Client;
  readonly #encryption: Encryption | null;

  constructor(sdk: AwsSdk, client: S3Client, encryption: Encryption | null) {
    this.#sdk = sdk;
    this.#client = client;
    this.#encryption = encryption;
  }

  /** Null if it isn't there. `range` null: all of it. `ifMatch`: only as long as it is the one with this entity tag. */
  read(
    at: Address,
    { range, ifMatch }: { readonly range: ObjectRange | null; readonly ifMatch: string | null },
    signal: AbortSignal,
  ): Promise<{ readonly body: ObjectBody; readonly facts: Facts } | null> {
    const input = {
      ...place(at),
      ...(range === null
        ? { ChecksumMode: "ENABLED" as const }
        : { Range: `bytes=${range.from}-${range.to === null ? "" : range.to - 1}` }),
      ...(ifMatch !== null && { IfMatch: ifMatch }),
    };
    return asked(signal, async () => {
      try {
        const answer = await this.#client.send(new this.#sdk.GetObjectCommand(input), { abortSignal: signal });
        const part = parseContentRange(answer.ContentRange) ?? { offset: 0, size: answer.ContentLength ?? 0 };
        // In Node it is a stream of Node's.
        const body = bodyOf(answer.Body as Readable, signal);
        return { body: { ...part, ...body }, facts: factsOf({ ...answer, ContentLength: part.size }) };
      } catch (error) {
        throw error instanceof Error ? (readError(error, at, range) ?? error) : error;
      }
    });
  }

  /** Null if it isn't there. */
  look(at: Address, signal: AbortSignal): Promise<Facts | null> {
    const input = { ...place(at), ChecksumMode: "ENABLED" as const };
    return asked(signal, async () => factsOf(await this.#client.send(new this.#sdk.HeadObjectCommand(input), { abortSignal: signal })));
  }

  /** Nothing where it is there. A request for what is not there does not say whether its bucket is. */
  async lookForBucket(bucket: string, signal: AbortSignal): Promise<"there" | "absent"> {
    const found = await asked(signal, () =>
      this.#client.send(new this.#sdk.HeadBucketCommand({ Bucket: bucket }), { abortSignal: signal }),
    );
    return found === null ? "absent" : "there";
  }

  /** The entity tag; null where something was there that was to stay. */
  async write(at: Address, { bytes, checksum }: Part, { headers, signal }: Sending): Promise<string | null> {
    const command = new this.#sdk.PutObjectCommand({
      ...place(at),
      ...this.#headersOf(headers),
      Body: bytes,
      ContentLength: bytes.length,
      ChecksumSHA256: base64Of(checksum),
      ...condition(headers),
    });
    command.middlewareStack.add((next) => (sent) => next(withPayloadHash(sent, checksum)), payloadHashStep);
    return unlessThere(signal, async () => (await this.#client.send(command, { abortSignal: signal })).ETag ?? "");
  }

  /** The upload's id. */
  startUpload(at: Address, { headers, signal }: Sending): Promise<string> {
    const input = { ...place(at), ...this.#headersOf(headers), ChecksumAlgorithm: "SHA256" as const };
    return found(
      asked(signal, async () => {
        const { UploadId } = await this.#client.send(new this.#sdk.CreateMultipartUploadCommand(input), { abortSignal: signal });
        return UploadId ?? "";
      }),
    );
  }

  sendPart(at: Address, upload: string, part: Part & { readonly number: number; readonly signal: AbortSignal }): Promise<SentPart> {
    const { bytes, checksum, number, signal } = part;
    const command = new this.#sdk.UploadPartCommand({
      ...place(at),
      UploadId: upload,
      PartNumber: number,
      Body: bytes,
      ContentLength: bytes.length,
      ChecksumSHA256: base64Of(checksum),
    });
    command.middlewareStack.add((next) => (sent) => next(withPayloadHash(sent, checksum)), payloadHashStep);
    return found(
      asked(signal, async () => ({ number, checksum, etag: (await this.#client.send(command, { abortSignal: signal })).ETag ?? "" })),
    );
  }

  /** Like `write`; or `gone` where there is no such upload any more. */
  async completeUpload(
    at: Address,
    upload: string,
    { parts, headers, signal }: Sending & { readonly parts: readonly SentPart[] },
  ): Promise<{ readonly etag: string | null } | "gone"> {
    const Parts = parts.map(({ number, etag, checksum }) => ({ PartNumber: number, ETag: etag, ChecksumSHA256: base64Of(checksum) }));
    const input = { ...place(at), UploadId: upload, MultipartUpload: { Parts }, ...condition(headers) };
    let isGone = false;
    const etag = await unlessThere(signal, async () => {
      try {
        const answer = await this.#client.send(new this.#sdk.CompleteMultipartUploadCommand(input), { abortSignal: signal });
        return answer.ETag ?? "";
      } catch (error) {
        isGone = error instanceof Error && error.name === "NoSuchUpload";
        if (!isGone) throw error;
        return "";
      }
    });
    return isGone ? "gone" : { etag };
  }

  async abortUpload(at: Address, upload: string): Promise<void> {
    await this.#client.send(new this.#sdk.AbortMultipartUploadCommand({ ...place(at), UploadId: upload }));
  }

  /** What is below a folder; `deep`: at any depth, otherwise what is right in it, and the folders there. */
  list(
    { bucket, key }: Address,
    { deep, after }: { readonly deep: boolean; readonly after: string | null },
    signal: AbortSignal,
  ): Promise<Page> {
    const input = {
      Bucket: bucket,
      Prefix: key,
      ...(!deep && { Delimiter: "/" }),
      ...(after !== null && { ContinuationToken: after }),
    };
    return found(
      asked(signal, async () => {
        const page = await this.#client.send(new this.#sdk.ListObjectsV2Command(input), { abortSignal: signal });
        return {
          objects: (page.Contents ?? []).map(({ Key, Size, ETag, LastModified }) => ({
            key: Key ?? "",
            size: Size ?? 0,
            etag: ETag ?? "",
            lastModified: LastModified ?? new Date(0),
          })),
          folders: (page.CommonPrefixes ?? []).flatMap(({ Prefix }) => Prefix ?? []),
          next: page.NextContinuationToken ?? null,
        };
      }),
    );
  }

  close(): void {
    this.#client.destroy();
  }

  #headersOf({ contentType, metadata }: ObjectHeaders): Partial<PutObjectCommandInput> {
    const encryption = this.#encryption;
    return {
      ...(contentType !== undefined && { ContentType: contentType }),
      ...(metadata !== undefined && { Metadata: metadata }),
      ...(encryption !== null && { ServerSideEncryption: encryption.algorithm }),
      ...(encryption?.kmsKeyId !== undefined && { SSEKMSKeyId: encryption.kmsKeyId }),
    };
  }
}

type Sending = { readonly headers: ObjectHeaders; readonly signal: AbortSignal };

/** Null where the server says that the object isn't there. (Q1, Q2) */
async function asked<Result>(signal: AbortSignal, ask: () => Promise<Result>): Promise<Result | null> {
  if (signal.aborted) throw new Stopped();
  try {
    return await ask();
  } catch (error) {
    if (signal.aborted) throw new Stopped();
    if (error instanceof S3Error) throw error;
    const failure = failureOf(error);
    if (failure !== null) throw failure;
    return null;
  }
}

/** Null where something was there already. */
function unlessThere(signal: AbortSignal, send: () => Promise<string>): Promise<string | null> {
  return asked(signal, async () => {
    try {
      return await send();
    } catch (error) {
      if (error instanceof Error && error.name === "PreconditionFailed") return null;
      throw error;
    }
  });
}

/** Of a request that no answer says "not there" to. */
async function found<Result>(asking: Promise<Result | null>): Promise<Result> {
  const result = await asking;
  if (result === null) throw new Error("a bucket answered a request to write or list as if it had been about one object");
  return result;
}

function place({ bucket, key }: Address): { readonly Bucket: string; readonly Key: string } {
  return { Bucket: bucket, Key: key };
}

function condition({ overwrite }: ObjectHeaders): { readonly IfNoneMatch?: "*" } {
  return overwrite === false ? { IfNoneMatch: "*" } : {};
}

function readError(error: Error, at: Address, range: ObjectRange | null): S3Error | null {
  const { url } = at;
  if (error.name === "InvalidRange") {
    return new S3Error("range", `${url} has no byte at ${range?.from ?? 0}: it is shorter; ask info() for its size`, { url, cause: error });
  }
  if (error.name === "PreconditionFailed") {
    const message = `${url} was written again while it was read, so that its parts do not belong together; read it once more`;
    return new S3Error("changed", message, { url, cause: error });
  }
  return null;
}

/** A body ends with its signal, too. */
function bodyOf(body: Readable, signal: AbortSignal): Pick<ObjectBody, "body" | "cancel"> {
  const cancel = (): void => void body.destroy();
  signal.addEventListener("abort", cancel, { once: true });
  body.once("close", () => signal.removeEventListener("abort", cancel));
  return { body: verified(body), cancel };
}

/** The SDK compares what came with the checksum that the server told, and says so at the end. */
async function* verified(body: Readable): AsyncIterable<Uint8Array> {
  try {
    yield* body as AsyncIterable<Uint8Array>;
  } catch (error) {
    if (error instanceof Error && error.message.startsWith("Checksum mismatch")) throw new Damaged(error.message, { cause: error });
    throw error;
  }
}

type Answer = {
  readonly ContentLength?: number | undefined;
  readonly ETag?: string | undefined;
  readonly LastModified?: Date | undefined;
  readonly ContentType?: string | undefined;
  readonly Metadata?: Record<string, string> | undefined;
  readonly ServerSideEncryption?: string | undefined;
  readonly ChecksumSHA256?: string | undefined;
};

function factsOf(answer: Answer): Facts {
  const sum = answer.ChecksumSHA256;
  return {
    size: answer.ContentLength ?? 0,
    etag: answer.ETag ?? "",
    lastModified: answer.LastModified ?? new Date(0),
    contentType: answer.ContentType ?? null,
    metadata: answer.Metadata ?? {},
    encryption: answer.ServerSideEncryption ?? null,
    sha256: sha256Of(sum),
    partsSha256: sum?.includes("-") === true ? sum : null,
  };
}
