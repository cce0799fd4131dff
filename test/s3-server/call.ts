// A request whose sender is known, and what it is answered.

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Readable } from "node:stream";
import type { Bucket } from "./buckets.ts";
import type { Fault } from "../aws/faults.ts";
import type { RawTarget } from "../aws/signature.ts";

export type BucketCall = {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly target: RawTarget;
  readonly bucketName: string;
  readonly bucket: Bucket;
  readonly payload: string;
  readonly folder: string;
  readonly nowMs: number;
  readonly fault: Fault | null;
};

export type ObjectCall = BucketCall & { readonly key: string };

export type Answer = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Readable;
  /** An object was made. */
  readonly isWrite?: boolean;
};
