// What S3 gives: objects that were fetched, looked at, listed or written.

import { readFile } from "node:fs/promises";
import type { Facts, Listed as ListedObject } from "./bucket-requests.ts";
import type { Address } from "./address.ts";

/** Which part of an object. What lies beyond its end is left out; no `length` means to the end. Bytes. */
export type S3Range = { readonly offset: number; readonly length?: number };

/** A key, or a part of what lies under it. */
export type S3Request = string | { readonly key: string; readonly range: S3Range };

/** What is known of an object without reading it. */
export type S3Info = {
  readonly exists: true;
  /** Relative to the root; the URL where there is none. */
  readonly key: string;
  /** `s3://BUCKET/KEY` */
  readonly url: string;
  /** Of the whole object. Bytes. */
  readonly size: number;
  readonly lastModified: Date;
  readonly etag: string;
  readonly contentType: string | null;
  /** As its writer gave it, with names in lower case. */
  readonly metadata: Readonly<Record<string, string>>;
  /** `AES256`, `aws:kms`; null where the server tells nothing. */
  readonly encryption: string | null;
};

/** Where `allowMissing` is set: there is no such object. */
export type S3Missing = { readonly exists: false; readonly key: string; readonly url: string };

export type S3Listed = { readonly kind: "object" } & Pick<S3Info, "key" | "url" | "size" | "etag" | "lastModified">;

/** Something lies below it; its key ends in a slash. */
export type S3Folder = { readonly kind: "folder"; readonly key: string; readonly url: string };

export type S3Written = {
  readonly key: string;
  readonly url: string;
  /** False where `overwrite: false` left what was there. */
  readonly written: boolean;
  /** Null where nothing was written. */
  readonly etag: string | null;
};

/** An object, or a part of one, in a file of this machine, which lasts until its S3 is closed. */
export class S3File implements S3Info {
  readonly exists = true;
  readonly key: string;
  readonly url: string;
  readonly size: number;
  readonly lastModified: Date;
  readonly etag: string;
  readonly contentType: string | null;
  readonly metadata: Readonly<Record<string, string>>;
  readonly encryption: string | null;
  readonly path: string;
  /** What of the object is in the file; null where all of it is. */
  readonly range: Required<S3Range> | null;

  constructor(info: S3Info, { path, range }: { readonly path: string; readonly range: Required<S3Range> | null }) {
    this.key = info.key;
    this.url = info.url;
    this.size = info.size;
    this.lastModified = info.lastModified;
    this.etag = info.etag;
    this.contentType = info.contentType;
    this.metadata = info.metadata;
    this.encryption = info.encryption;
    this.path = path;
    this.range = range;
  }

  bytes(): Promise<Buffer> {
    return readFile(this.path);
  }

  text(): Promise<string> {
    return readFile(this.path, "utf8");
  }
}

/** What many requests gave, in their order: read with `for await` while the next are on their way, or all of it with `toArray()`. */
export class S3Results<Result> implements AsyncIterable<Result> {
  readonly #read: () => AsyncIterable<Result>;

  constructor(read: () => AsyncIterable<Result>) {
    this.#read = read;
  }

  [Symbol.asyncIterator](): AsyncIterator<Result> {
    return this.#read()[Symbol.asyncIterator]();
  }

  async toArray(): Promise<Result[]> {
    const results: Result[] = [];
    for await (const result of this.#read()) results.push(result);
    return results;
  }
}

export function infoOf({ name, url }: Address, facts: Facts): S3Info {
  const { size, lastModified, etag, contentType, metadata, encryption } = facts;
  return { exists: true, key: name, url, size, lastModified, etag, contentType, metadata, encryption };
}

export function listedOf({ name, url }: Address, { size, etag, lastModified }: ListedObject): S3Listed {
  return { kind: "object", key: name, url, size, etag, lastModified };
}
