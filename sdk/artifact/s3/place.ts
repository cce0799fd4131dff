// Which bucket a store is in, and how its address is written: s3://BUCKET/PREFIX?region=…&endpoint=…&path-style=true

import type { BlobPlace } from "../../../proto/blobs.ts";
import type { ObjectName } from "./objects.ts";

/** What isn't said comes from where the AWS SDK looks: environment, profile, the machine's role. */
export type S3Place = Omit<Extract<BlobPlace, { readonly kind: "s3" }>, "kind">;

class PlaceError extends Error {
  override readonly name = "PlaceError";
}

const known = ["region", "endpoint", "path-style"];

/** @throws PlaceError, which says how an address looks */
export function parseS3Place(address: string): S3Place {
  const found = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/([^?]*))?(?:\?(.*))?$/.exec(address);
  if (found === null) throw new PlaceError(`"${address}" is not the address of a bucket: s3://BUCKET/PREFIX?region=…&endpoint=…`);
  const [, bucket = "", path = "", query = ""] = found;
  const options = new URLSearchParams(query);
  const unknown = [...options.keys()].find((name) => !known.includes(name));
  if (unknown !== undefined) throw new PlaceError(`"${address}": no option ${unknown}; there are ${known.join(", ")}`);
  const endpoint = options.get("endpoint");
  if (endpoint !== null && !/^https?:$/.test(URL.parse(endpoint)?.protocol ?? "")) {
    throw new PlaceError(`"${address}": the endpoint must be the URL of a server, like https://storage.example.com`);
  }
  const style = options.get("path-style");
  // Servers of one's own rarely have a host name for each bucket.
  const pathStyle = style === null ? endpoint !== null : style === "true";
  return { bucket, prefix: path.replace(/^\/+|\/+$/g, ""), region: options.get("region"), endpoint, pathStyle };
}

/** The address of a folder below, for who reads it with `parseS3Place`: where step code keeps data, beside the blobs. */
export function dataRootOf({ bucket, prefix, region, endpoint, pathStyle }: S3Place): string {
  const options = new URLSearchParams({
    ...(region !== null && { region }),
    ...(endpoint !== null && { endpoint }),
    ...(pathStyle !== (endpoint !== null) && { "path-style": String(pathStyle) }),
  }).toString();
  return `s3://${bucket}/${prefix === "" ? "" : `${prefix}/`}data${options === "" ? "" : `?${options}`}`;
}

/** For errors and logs. */
export function placeText({ bucket, prefix, endpoint }: S3Place): string {
  return `s3://${bucket}${prefix === "" ? "" : `/${prefix}`}${endpoint === null ? "" : ` at ${endpoint}`}`;
}

export const listSuffix = ".pieces";

export function keyOf(place: S3Place, { sha256, part }: ObjectName): string {
  return `${folderOf(place)}${sha256.slice(0, 2)}/${sha256}${part === "list" ? listSuffix : ""}`;
}

/** All keys of the store begin so. */
export function folderOf({ prefix }: S3Place): string {
  return `${prefix === "" ? "" : `${prefix}/`}cas/`;
}

export function base64Of(sha256: string): string {
  return Buffer.from(sha256, "hex").toString("base64");
}
