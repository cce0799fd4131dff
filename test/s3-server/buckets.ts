// What the server holds: buckets, objects, unfinished uploads.
//
// H1. An object changes in one synchronous step, after its preconditions were looked at in the same step: of many writers that
//     each want to be the first, one is.

import { createHash } from "node:crypto";
import { createReadStream, readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import type { Content } from "./body.ts";
import type { Checksum } from "./checksums.ts";
import { Refusal } from "../aws/refusal.ts";

export type StoredObject = {
  readonly key: string;
  readonly content: Content;
  /** With its quotation marks. */
  readonly etag: string;
  readonly checksum: Checksum | null;
  readonly modifiedAtMs: number;
  /** Headers that a reader gets back: `content-type`, `x-amz-meta-…`. */
  readonly headers: Readonly<Record<string, string>>;
  readonly tags: string;
  readonly versionId: string | null;
};

export type Upload = {
  readonly key: string;
  readonly id: string;
  readonly parts: Map<number, { readonly content: Content; readonly etag: string; readonly checksum: Checksum | null }>;
  readonly headers: Readonly<Record<string, string>>;
  /** Of the parts and of the whole. */
  readonly algorithm: Checksum["algorithm"] | null;
  readonly isFullObject: boolean;
  readonly startedAtMs: number;
};

export type Preconditions = { readonly ifMatch: string | undefined; readonly ifNoneMatch: string | undefined };

export class Bucket {
  readonly objects = new Map<string, StoredObject>();
  readonly uploads = new Map<string, Upload>();
  readonly settings = new Map<string, string>();
  #sorted: readonly string[] | null = null;

  /** @throws Refusal where a precondition does not hold */
  check(key: string, { ifMatch, ifNoneMatch }: Preconditions): void {
    const there = this.objects.get(key);
    if (ifNoneMatch !== undefined && ifNoneMatch !== "*") throw new Refusal(501, "NotImplemented", "If-None-Match of a write must be *");
    if (ifNoneMatch === "*" && there !== undefined) throw preconditionFailed();
    if (ifMatch === undefined) return;
    if (there === undefined) throw new Refusal(404, "NoSuchKey", "The specified key does not exist.");
    if (there.etag !== ifMatch) throw preconditionFailed();
  }

  put(object: StoredObject, preconditions: Preconditions): void {
    this.check(object.key, preconditions);
    const before = this.objects.get(object.key);
    if (before === undefined) this.#sorted = null;
    this.objects.set(object.key, object);
    if (before !== undefined) discard(before.content);
  }

  delete(key: string): void {
    const object = this.objects.get(key);
    if (object === undefined) return;
    this.objects.delete(key);
    this.#sorted = null;
    discard(object.content);
  }

  /** In the order of their UTF-8 bytes. */
  keys(): readonly string[] {
    this.#sorted ??= [...this.objects.keys()].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    return this.#sorted;
  }

  /** A fault: somebody wrote the object again with one bit changed. */
  corrupt(key: string, at = 0): void {
    const object = this.objects.get(key);
    if (object === undefined) throw new Error(`there is no object ${key} to corrupt`);
    const bytes = Buffer.from(object.content.kind === "memory" ? object.content.bytes : readFileSync(object.content.path));
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    const md5 = createHash("md5").update(bytes).digest();
    const checksum: Checksum = { algorithm: "sha256", value: createHash("sha256").update(bytes).digest("base64") };
    const content: Content = { kind: "memory", bytes, size: bytes.length, md5 };
    this.put({ ...object, content, checksum, etag: `"${md5.toString("hex")}"` }, { ifMatch: undefined, ifNoneMatch: undefined });
  }
}

export function preconditionFailed(): Refusal {
  return new Refusal(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold");
}

/** Bytes `from` to `to`, the latter not among them. */
export async function* readContent(content: Content, from: number, to: number): AsyncIterable<Buffer> {
  if (to <= from) return;
  if (content.kind === "memory") {
    yield content.bytes.subarray(from, to);
    return;
  }
  yield* createReadStream(content.path, { start: from, end: to - 1, highWaterMark: 256 * 1024 }) as AsyncIterable<Buffer>;
}

/** Readers that have the file open go on reading it. */
export function discard(content: Content): void {
  if (content.kind === "file") void rm(content.path, { force: true });
}
