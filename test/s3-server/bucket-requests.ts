// Requests about a bucket: list, delete many, settings.

import type { Answer, BucketCall } from "./call.ts";
import { receive } from "./object-requests.ts";
import { Refusal } from "../aws/refusal.ts";
import { element, text, textsOf } from "../aws/xml.ts";
import { documentOf } from "./document.ts";
import { parameter } from "../aws/signature.ts";

const keysMax = 1000;

export function listObjects({ bucket, bucketName, target }: BucketCall): Answer {
  const prefix = parameter(target, "prefix") ?? "";
  const delimiter = parameter(target, "delimiter") ?? "";
  const max = Math.min(keysMax, Number(parameter(target, "max-keys") ?? keysMax));
  const after = cursorOf(parameter(target, "continuation-token")) ?? parameter(target, "start-after") ?? "";
  const encode = parameter(target, "encoding-type") === "url" ? encodeKey : (key: string) => key;
  const contents: string[] = [];
  const prefixes = new Set<string>();
  let last = "";
  let isTruncated = false;
  for (const key of bucket.keys()) {
    if (!key.startsWith(prefix) || Buffer.compare(Buffer.from(key), Buffer.from(after)) <= 0) continue;
    const at = delimiter === "" ? -1 : key.indexOf(delimiter, prefix.length);
    const group = at < 0 ? null : key.slice(0, at + delimiter.length);
    if (group !== null && (prefixes.has(group) || after.startsWith(group))) continue;
    if (contents.length + prefixes.size >= max) {
      isTruncated = true;
      break;
    }
    last = group ?? key;
    if (group !== null) {
      prefixes.add(group);
      continue;
    }
    const object = bucket.objects.get(key);
    if (object === undefined) continue;
    const fields = text("LastModified", new Date(object.modifiedAtMs).toISOString()) + text("ETag", object.etag);
    contents.push(
      element("Contents", text("Key", encode(key)) + fields + text("Size", object.content.size) + text("StorageClass", "STANDARD")),
    );
  }
  const head = text("Name", bucketName) + text("Prefix", encode(prefix)) + text("KeyCount", contents.length + prefixes.size);
  const groups = [...prefixes].map((group) => element("CommonPrefixes", text("Prefix", encode(group)))).join("");
  const next = isTruncated ? text("NextContinuationToken", Buffer.from(last).toString("base64url")) : "";
  const tail = text("MaxKeys", max) + text("IsTruncated", String(isTruncated)) + next;
  return { status: 200, headers: {}, body: documentOf("ListBucketResult", head + tail + contents.join("") + groups) };
}

export async function deleteObjects(call: BucketCall): Promise<Answer> {
  const isSummed = Object.keys(call.request.headers).some((name) => name === "content-md5" || name.startsWith("x-amz-checksum-"));
  if (!isSummed) throw new Refusal(400, "InvalidRequest", "Missing required header for this request: Content-MD5 OR x-amz-checksum-*");
  const xml = await textOf(call);
  const keys = textsOf(xml, "Key");
  if (keys.length > keysMax) throw new Refusal(400, "MalformedXML", `more than ${keysMax} keys`);
  for (const key of keys) call.bucket.delete(key);
  const isQuiet = textsOf(xml, "Quiet")[0] === "true";
  const deleted = isQuiet ? "" : keys.map((key) => element("Deleted", text("Key", key))).join("");
  return { status: 200, headers: {}, body: documentOf("DeleteResult", deleted) };
}

/** Settings are kept as the documents that they came in. */
export async function putSetting(call: BucketCall, name: string): Promise<Answer> {
  call.bucket.settings.set(name, await textOf(call));
  return { status: 200, headers: {} };
}

export function settingOf(call: BucketCall, name: string): Answer {
  const document = call.bucket.settings.get(name);
  if (document === undefined && name === "lifecycle") throw new Refusal(404, "NoSuchLifecycleConfiguration");
  return { status: 200, headers: {}, body: document ?? documentOf("VersioningConfiguration", "") };
}

async function textOf(call: BucketCall): Promise<string> {
  const { content } = await receive({ ...call, key: "" });
  if (content.kind === "file") throw new Refusal(400, "MalformedXML", "The document is too long.");
  return content.bytes.toString();
}

function cursorOf(token: string | undefined): string | undefined {
  return token === undefined ? undefined : Buffer.from(token, "base64url").toString();
}

function encodeKey(key: string): string {
  return encodeURIComponent(key).replaceAll("%2F", "/");
}
