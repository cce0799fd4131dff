// Requests about one object: write, read, look, copy, delete, tag.

import { createHash, randomUUID } from "node:crypto";
import { Readable } from "node:stream";
import { receiveBody, type Content } from "./body.ts";
import { discard, readContent, type Bucket, type Preconditions, type StoredObject } from "./buckets.ts";
import { checksumElement } from "./checksums.ts";
import type { Answer, ObjectCall } from "./call.ts";
import { Refusal } from "../aws/refusal.ts";
import { element, text, textsOf } from "../aws/xml.ts";
import { documentOf } from "./document.ts";
import { headerOf, parameter } from "../aws/signature.ts";

const putBytesMax = 5 * 1024 ** 3;

export async function putObject(call: ObjectCall): Promise<Answer> {
  const { bucket, key, request } = call;
  if (Number(headerOf(request, "content-length")) > putBytesMax) throw new Refusal(400, "EntityTooLarge");
  const preconditions = preconditionsOf(call);
  bucket.check(key, preconditions);
  const { content, checksum } = await receive(call);
  const etag = `"${content.md5.toString("hex")}"`;
  const versionId = bucket.settings.get("versioning")?.includes("Enabled") === true ? randomUUID() : null;
  const object: StoredObject = {
    key,
    content,
    etag,
    checksum,
    modifiedAtMs: call.nowMs,
    headers: keptHeaders(call),
    tags: headerOf(request, "x-amz-tagging") ?? "",
    versionId,
  };
  try {
    bucket.put(object, preconditions);
  } catch (error) {
    discard(content);
    throw error;
  }
  const sum = checksum === null ? {} : { [`x-amz-checksum-${checksum.algorithm}`]: checksum.value };
  return { status: 200, headers: { etag, ...sum, ...(versionId !== null && { "x-amz-version-id": versionId }) }, isWrite: true };
}

export function readObject(call: ObjectCall): Answer {
  const { request } = call;
  const object = existing(call);
  const ifNoneMatch = headerOf(request, "if-none-match");
  const ifMatch = headerOf(request, "if-match");
  if (ifMatch !== undefined && ifMatch !== object.etag) throw new Refusal(412, "PreconditionFailed");
  if (ifNoneMatch === object.etag || ifNoneMatch === "*") return { status: 304, headers: { etag: object.etag } };
  const { size } = object.content;
  const range = rangeOf(headerOf(request, "range"), size);
  const [from, to] = range ?? [0, size];
  const isWhole = range === null;
  const withChecksum = isWhole && headerOf(request, "x-amz-checksum-mode")?.toUpperCase() === "ENABLED" && object.checksum !== null;
  const headers = {
    ...object.headers,
    etag: object.etag,
    "accept-ranges": "bytes",
    "last-modified": new Date(object.modifiedAtMs).toUTCString(),
    "content-length": String(to - from),
    ...(!isWhole && { "content-range": `bytes ${from}-${to - 1}/${size}` }),
    ...(withChecksum && object.checksum !== null && { [`x-amz-checksum-${object.checksum.algorithm}`]: object.checksum.value }),
  };
  const body = request.method === "HEAD" ? undefined : Readable.from(readContent(object.content, from, to));
  return { status: isWhole ? 200 : 206, headers, ...(body !== undefined && { body }) };
}

export function attributesOf(call: ObjectCall): Answer {
  const { content, checksum, etag } = existing(call);
  const sum = checksum === null ? "" : element("Checksum", text(checksumElement(checksum.algorithm), checksum.value));
  const body = text("ETag", etag.replaceAll('"', "")) + sum + text("ObjectSize", content.size);
  return { status: 200, headers: {}, body: documentOf("GetObjectAttributesResponse", body) };
}

export async function copyObject(call: ObjectCall, bucketNamed: (name: string) => Bucket): Promise<Answer> {
  const source = decodeURIComponent(headerOf(call.request, "x-amz-copy-source") ?? "").replace(/^\//, "");
  const slash = source.indexOf("/");
  const from = bucketNamed(source.slice(0, slash)).objects.get(source.slice(slash + 1));
  if (from === undefined) throw new Refusal(404, "NoSuchKey", "The specified key does not exist.");
  const pieces: Buffer[] = [];
  for await (const piece of readContent(from.content, 0, from.content.size)) pieces.push(piece);
  const bytes = Buffer.concat(pieces);
  const content: Content = { kind: "memory", bytes, size: bytes.length, md5: createHash("md5").update(bytes).digest() };
  call.bucket.put({ ...from, key: call.key, content, modifiedAtMs: call.nowMs }, preconditionsOf(call));
  const body = text("ETag", from.etag) + text("LastModified", new Date(call.nowMs).toISOString());
  return { status: 200, headers: {}, body: documentOf("CopyObjectResult", body), isWrite: true };
}

export function deleteObject(call: ObjectCall): Answer {
  call.bucket.delete(call.key);
  return { status: 204, headers: {} };
}

export async function putTags(call: ObjectCall): Promise<Answer> {
  const object = existing(call);
  const { content } = await receive(call);
  const xml = content.kind === "memory" ? content.bytes.toString() : "";
  const values = textsOf(xml, "Value");
  const pairs = textsOf(xml, "Key").map((key, at): [string, string] => [key, values[at] ?? ""]);
  call.bucket.objects.set(call.key, { ...object, tags: new URLSearchParams(pairs).toString() });
  return { status: 200, headers: {} };
}

export function tagsOf(call: ObjectCall): Answer {
  const pairs = [...new URLSearchParams(existing(call).tags)];
  const tags = pairs.map(([key, value]) => element("Tag", text("Key", key) + text("Value", value))).join("");
  return { status: 200, headers: {}, body: documentOf("Tagging", element("TagSet", tags)) };
}

export function preconditionsOf({ request }: ObjectCall): Preconditions {
  return { ifMatch: headerOf(request, "if-match"), ifNoneMatch: headerOf(request, "if-none-match") };
}

/** Tells a client that waits for it to go on, now that its headers have been looked at. */
export function receive(call: ObjectCall): ReturnType<typeof receiveBody> {
  if (headerOf(call.request, "expect")?.toLowerCase() === "100-continue") call.response.writeContinue();
  const { payload, folder, fault } = call;
  return receiveBody(call.request, { payload, folder, flipAt: fault?.kind === "flip" ? fault.at : null });
}

export function keptHeaders({ request }: ObjectCall): Readonly<Record<string, string>> {
  const names = Object.keys(request.headers).filter((name) => /^(content-type$|x-amz-meta-|x-amz-server-side-encryption)/.test(name));
  return Object.fromEntries(names.map((name) => [name, headerOf(request, name) ?? ""]));
}

function existing({ bucket, key, target }: ObjectCall): StoredObject {
  const object = bucket.objects.get(key);
  const version = parameter(target, "versionId");
  if (object === undefined || (version !== undefined && version !== object.versionId)) {
    throw new Refusal(404, "NoSuchKey", "The specified key does not exist.");
  }
  return object;
}

function rangeOf(header: string | undefined, size: number): readonly [number, number] | null {
  const found = /^bytes=(\d*)-(\d*)$/.exec(header ?? "");
  if (found === null || (found[1] === "" && found[2] === "")) return null;
  const from = found[1] === "" ? Math.max(0, size - Number(found[2])) : Number(found[1]);
  const to = found[1] === "" || found[2] === "" ? size : Math.min(size, Number(found[2]) + 1);
  if (from >= size || to <= from) throw new Refusal(416, "InvalidRange", "The requested range is not satisfiable");
  return [from, to];
}
