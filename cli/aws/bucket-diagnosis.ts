// Whether a bucket keeps what the artifact store relies on: what is there is not overwritten, what arrives wrong is refused, and
// a signed URL does what it says. Everything is tried with one small object, which is deleted again.

import { createHash, randomUUID } from "node:crypto";
import type * as Sdk from "@aws-sdk/client-s3";
import type { Finding } from "../commands/doctor.ts";
import { examine } from "./diagnosis.ts";

const urlSeconds = 60;

export async function diagnoseBucket(bucket: string, region: string | undefined): Promise<readonly Finding[]> {
  const sdk = await import("@aws-sdk/client-s3");
  const client = new sdk.S3Client(region === undefined ? {} : { region });
  const tried = { Bucket: bucket, Key: `doctor/${randomUUID()}` };
  const probe: Probe = { sdk, client, tried };
  try {
    const first = await aboutWriting(probe);
    if (first.status === "failed") return [first];
    return [first, await aboutOverwriting(probe), await aboutChecksums(probe), await aboutUrls(probe), await aboutPolicy(probe)];
  } finally {
    await client.send(new sdk.DeleteObjectCommand(tried)).catch(() => {});
    client.destroy();
  }
}

type Probe = {
  readonly sdk: typeof Sdk;
  readonly client: Sdk.S3Client;
  readonly tried: { readonly Bucket: string; readonly Key: string };
};

const text = "stepwell doctor";

function checksumOf(content: string): string {
  return createHash("sha256").update(content).digest("base64");
}

function aboutWriting({ sdk, client, tried }: Probe): Promise<Finding> {
  return examine("bucket", {
    hint: "the rights to read and write objects are needed, also for the bucket's key",
    look: async () => {
      await client.send(new sdk.PutObjectCommand({ ...tried, Body: text, ChecksumSHA256: checksumOf(text), IfNoneMatch: "*" }));
      return `s3://${tried.Bucket} takes what is new`;
    },
  });
}

function aboutOverwriting({ sdk, client, tried }: Probe): Promise<Finding> {
  return examine("write once", {
    hint: "this server ignores If-None-Match: two tasks may write the same blob at once, which costs time only",
    look: async () => {
      const again = new sdk.PutObjectCommand({ ...tried, Body: text, ChecksumSHA256: checksumOf(text), IfNoneMatch: "*" });
      await refused(client.send(again), [412], "what is there was written once more");
      return "what is there is not overwritten";
    },
  });
}

function aboutChecksums({ sdk, client, tried }: Probe): Promise<Finding> {
  return examine("checksums", {
    hint: "this server does not check a SHA-256: whoever reads finds out instead",
    look: async () => {
      const wrong = new sdk.PutObjectCommand({ ...tried, Key: `${tried.Key}-wrong`, Body: text, ChecksumSHA256: checksumOf("other") });
      await refused(client.send(wrong), [400], "bytes with another checksum were taken");
      return "what arrives wrong is refused";
    },
  });
}

function aboutUrls({ sdk, client, tried }: Probe): Promise<Finding> {
  return examine("signed URLs", {
    hint: "workers read and write through such URLs: see whether a policy denies them, or --store-access role",
    look: async () => {
      const { getSignedUrl } = await import("@aws-sdk/s3-request-presigner");
      const url = await getSignedUrl(client, new sdk.GetObjectCommand(tried), { expiresIn: urlSeconds });
      const answer = await fetch(url);
      if (!answer.ok || (await answer.text()) !== text) throw new Error(`a signed URL answers with ${answer.status}`);
      return "one without keys reads what a URL names";
    },
  });
}

/** What a blob's name promises is kept by the bucket, too. */
function aboutPolicy({ sdk, client, tried }: Probe): Promise<Finding> {
  const blob = { Bucket: tried.Bucket, Key: `cas/00/${"0".repeat(63)}d` };
  return examine("policy", {
    hint: "the bucket lets blobs be overwritten: give it the rule WriteOnce of deploy/aws/stepwell.yaml",
    look: async () => {
      const plain = client.send(new sdk.PutObjectCommand({ ...blob, Body: text }));
      try {
        await refused(plain, [403], "a blob can be written without a condition");
      } catch (error) {
        await client.send(new sdk.DeleteObjectCommand(blob)).catch(() => {});
        throw error;
      }
      return "blobs can only be written once";
    },
  });
}

/** @throws Error where it was accepted, or refused for another reason */
async function refused(call: Promise<unknown>, statuses: readonly number[], otherwise: string): Promise<void> {
  const status = await call.then(() => null, statusOf);
  if (status === null) throw new Error(otherwise);
  if (!statuses.includes(status)) throw new Error(`the answer is ${status}, and not ${statuses.join(" or ")}`);
}

/** @throws what is no answer of a server */
function statusOf(error: unknown): number {
  if (typeof error === "object" && error !== null && "$metadata" in error) {
    const { $metadata: metadata } = error;
    if (typeof metadata === "object" && metadata !== null && "httpStatusCode" in metadata) return Number(metadata.httpStatusCode);
  }
  throw error;
}
