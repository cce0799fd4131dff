// The AWS SDK, loaded when a bucket is used for the first time, and what its errors mean.

import type * as Sdk from "@aws-sdk/client-s3";
import type { S3Client } from "@aws-sdk/client-s3";
import type { Sha256 } from "../../../proto/ids.ts";
import type { S3Place } from "./place.ts";
import { connectionFailure, reasonOf, RequestFailure } from "./request-failure.ts";

export type AwsSdk = typeof Sdk;

export type ClientTimeouts = {
  readonly connectMs: number;
  /** A connection over which nothing goes for so long is given up. */
  readonly idleMs: number;
};

export const defaultTimeouts: ClientTimeouts = { connectMs: 5_000, idleMs: 20_000 };

const socketsMax = 64;

export async function loadSdk(): Promise<AwsSdk> {
  const before = new Set(Object.keys(globalThis));
  const sdk = await import("@aws-sdk/client-s3");
  // What it keeps among the globals is its own affair: in a task process it must not look like something that a step left there.
  const added = Object.keys(globalThis).filter((name) => !before.has(name));
  for (const name of added) Object.defineProperty(globalThis, name, { enumerable: false });
  return sdk;
}

/** The SDK tries once: trying again is decided in one place, for all carriers of objects. */
export function makeClient(sdk: AwsSdk, place: S3Place, timeouts: ClientTimeouts): S3Client {
  const region = place.region ?? (place.endpoint === null ? undefined : "us-east-1");
  return new sdk.S3Client({
    ...(region !== undefined && { region }),
    ...(place.endpoint !== null && { endpoint: place.endpoint }),
    forcePathStyle: place.pathStyle,
    maxAttempts: 1,
    // Blobs are verified by their names; another checksum over the same bytes would only cost.
    responseChecksumValidation: "WHEN_REQUIRED",
    requestChecksumCalculation: "WHEN_REQUIRED",
    requestHandler: {
      connectionTimeout: timeouts.connectMs,
      socketTimeout: timeouts.idleMs,
      httpAgent: { keepAlive: true, maxSockets: socketsMax },
      httpsAgent: { keepAlive: true, maxSockets: socketsMax },
    },
  });
}

/** Where a middleware stands that calls `withPayloadHash`. */
export const payloadHashStep = { step: "build", name: "payloadHash" } as const;

/** For a request whose body's hash is known already: the SDK would hash it once more to sign it. */
export function withPayloadHash<Sent extends { readonly request: unknown }>(sent: Sent, checksum: Sha256): Sent {
  if (hasHeaders(sent.request)) sent.request.headers["x-amz-content-sha256"] = checksum;
  return sent;
}

function hasHeaders(request: unknown): request is { headers: Record<string, string> } {
  return typeof request === "object" && request !== null && "headers" in request;
}

/** What the SDK threw as a failure; null where it says that the object isn't there. A bug stays what it is. */
export function failureOf(error: unknown): RequestFailure | null {
  const connection = connectionFailure(error);
  if (connection instanceof RequestFailure) return connection;
  if (!(error instanceof Error)) throw error;
  const status = statusOf(error);
  if (error.name === "NoSuchKey" || error.name === "NotFound") return null;
  if (error.name === "CredentialsProviderError") return new RequestFailure("noKey", error.message, { cause: error });
  if (/region is missing/i.test(error.message)) return new RequestFailure("wrongRegion", "no region is set", { cause: error });
  if (status === null) throw error;
  const says = error.message === "" || error.message === error.name ? "" : `: ${error.message}`;
  return new RequestFailure(reasonOf(status, error.name, error.message), `${status} ${error.name}${says}`, { cause: error });
}

function statusOf(error: Error): number | null {
  const metadata: unknown = "$metadata" in error ? error.$metadata : null;
  const status: unknown =
    typeof metadata === "object" && metadata !== null && "httpStatusCode" in metadata ? metadata.httpStatusCode : null;
  return typeof status === "number" ? status : null;
}
