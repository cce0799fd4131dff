// Which bucket and key a name means: relative to a root, or a whole URL where there is none.

import { NameError, parseRunId } from "../../proto/ids.ts";
import { parseS3Place, type S3Place } from "../artifact/s3/place.ts";
import { S3Error } from "./s3-error.ts";

/** One object, or a folder of them where `key` ends in a slash or is empty. */
export type Address = {
  readonly bucket: string;
  /** In the bucket. */
  readonly key: string;
  /** As it was named. */
  readonly name: string;
  readonly url: string;
};

export type RootOptions = {
  /** A folder in a bucket, `s3://BUCKET/PREFIX`, that keys are relative to; with `?region=` and `?endpoint=` as artifact stores have it. */
  readonly root?: string;
  /** `TrainFlow/17`: keys are relative to this run's own folder, `DATA_ROOT/TrainFlow/17`. */
  readonly run?: string;
};

/** Names the folder in which runs have theirs. A coordinator with a bucket tells its workers. */
export const dataRootVariable = "STEPWELL_DATA_ROOT";

/** Of S3 itself. Bytes. */
const keyBytesMax = 1024;

/** Null where there is no root, and every key is a URL. @throws S3Error address */
export function rootOf({ root, run }: RootOptions, dataRoot: string | undefined): S3Place | null {
  if (root !== undefined && run !== undefined) throw new S3Error("address", "give openS3 either a root or a run, not both");
  if (root !== undefined) return placeOf(root, "the root");
  if (run === undefined) return null;
  if (dataRoot === undefined || dataRoot === "") {
    throw new S3Error(
      "address",
      `run ${run} has no folder in S3, since its artifacts are in none: set ${dataRootVariable}=s3://BUCKET/PREFIX, or use openS3({ root: "s3://…" })`,
    );
  }
  const place = placeOf(dataRoot, dataRootVariable);
  return { ...place, prefix: joined(place.prefix, runNamed(run)) };
}

/** @throws S3Error address, for a name that can be no object */
export function addressOf(root: S3Place | null, name: string): Address {
  if (root === null) return urlAddress(name);
  refuseUrl(root, name);
  if (name === "" || name.startsWith("/") || name.endsWith("/")) {
    throw new S3Error("address", `"${name}" is no key: name an object below ${urlOf(root.bucket, root.prefix)}, like "models/best.json"`);
  }
  return checked({ bucket: root.bucket, key: joined(root.prefix, name), name });
}

/** Of all objects below `name`; the empty name is everything. @throws S3Error address */
export function folderAddress(root: S3Place | null, name: string): Address {
  const folder = name === "" || name.endsWith("/") ? name : `${name}/`;
  if (root === null) return urlAddress(folder);
  refuseUrl(root, name);
  if (name.startsWith("/")) {
    throw new S3Error("address", `"${name}" is no folder: name one below ${urlOf(root.bucket, root.prefix)}, without a slash before it`);
  }
  const prefix = root.prefix === "" ? "" : `${root.prefix}/`;
  return checked({ bucket: root.bucket, key: prefix + folder, name: folder });
}

/** The name, below the root or as a URL, of a key that a bucket has listed. */
export function nameOf(root: S3Place | null, bucket: string, key: string): string {
  if (root === null) return urlOf(bucket, key);
  return root.prefix === "" ? key : key.slice(root.prefix.length + 1);
}

export function urlOf(bucket: string, key: string): string {
  return `s3://${bucket}/${key}`;
}

function urlAddress(text: string): Address {
  const [, bucket, key] = /^s3:\/\/([^/]+)\/(.*)$/s.exec(text) ?? [];
  if (bucket === undefined || key === undefined) {
    const message = `"${text}" is no URL of an object: name it s3://BUCKET/KEY, or give openS3 a root, which keys are then relative to`;
    throw new S3Error("address", message);
  }
  return checked({ bucket, key, name: text });
}

function refuseUrl(root: S3Place, name: string): void {
  if (!name.startsWith("s3://")) return;
  const message = `"${name}" is a URL, and keys are relative to ${urlOf(root.bucket, root.prefix)}: open another S3 without a root for whole URLs`;
  throw new S3Error("address", message);
}

function checked({ bucket, key, name }: Omit<Address, "url">): Address {
  const url = urlOf(bucket, key);
  if (Buffer.byteLength(key) <= keyBytesMax) return { bucket, key, name, url };
  throw new S3Error("address", `the key of ${url.slice(0, 100)}… has more than ${keyBytesMax} bytes, which S3 does not take; shorten it`);
}

function placeOf(text: string, what: string): S3Place {
  try {
    return parseS3Place(text);
  } catch (error) {
    throw new S3Error("address", `${what}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

function runNamed(run: string): string {
  try {
    return parseRunId(run);
  } catch (error) {
    if (!(error instanceof NameError)) throw error;
    throw new S3Error("address", error.message, { cause: error });
  }
}

function joined(prefix: string, rest: string): string {
  return prefix === "" ? rest : `${prefix}/${rest}`;
}
