// Requests about uploads in parts.

import { createHash, randomUUID } from "node:crypto";
import type { Content } from "./body.ts";
import { discard, readContent, type Upload } from "./buckets.ts";
import type { Answer, BucketCall, ObjectCall } from "./call.ts";
import { algorithmOf, checksumElement, startChecksum, type Checksum } from "./checksums.ts";
import { keptHeaders, preconditionsOf, receive } from "./object-requests.ts";
import { Refusal } from "../aws/refusal.ts";
import { element, text, textsOf } from "../aws/xml.ts";
import { documentOf } from "./document.ts";
import { headerOf, parameter } from "../aws/signature.ts";

const partBytesMin = 5 * 1024 * 1024;
const memoryBytesMax = 256 * 1024 * 1024;

export function createUpload(call: ObjectCall): Answer {
  const { bucket, key, request } = call;
  const id = randomUUID();
  const algorithm = algorithmOf(headerOf(request, "x-amz-checksum-algorithm") ?? "") ?? null;
  const isFullObject = (headerOf(request, "x-amz-checksum-type") ?? "") === "FULL_OBJECT" || algorithm === "crc64nvme";
  bucket.uploads.set(id, { key, id, parts: new Map(), headers: keptHeaders(call), algorithm, isFullObject, startedAtMs: call.nowMs });
  const body = text("Bucket", call.bucketName) + text("Key", key) + text("UploadId", id);
  return { status: 200, headers: {}, body: documentOf("InitiateMultipartUploadResult", body) };
}

export async function putPart(call: ObjectCall): Promise<Answer> {
  const upload = uploadOf(call);
  const number = Number(parameter(call.target, "partNumber"));
  if (!(number >= 1 && number <= 10_000)) throw new Refusal(400, "InvalidArgument", "Part number must be between 1 and 10000");
  const { content, checksum } = await receive(call);
  const etag = `"${content.md5.toString("hex")}"`;
  const before = upload.parts.get(number);
  upload.parts.set(number, { content, etag, checksum });
  if (before !== undefined) discard(before.content);
  const sum = checksum === null ? {} : { [`x-amz-checksum-${checksum.algorithm}`]: checksum.value };
  return { status: 200, headers: { etag, ...sum } };
}

export function listParts(call: ObjectCall): Answer {
  const parts = [...uploadOf(call).parts].sort(([a], [b]) => a - b);
  const items = parts.map(([number, { content, etag }]) =>
    element("Part", text("PartNumber", number) + text("ETag", etag) + text("Size", content.size)),
  );
  return { status: 200, headers: {}, body: documentOf("ListPartsResult", items.join("") + text("IsTruncated", "false")) };
}

export function listUploads({ bucket }: BucketCall): Answer {
  const items = [...bucket.uploads.values()].map(({ key, id, startedAtMs }) =>
    element("Upload", text("Key", key) + text("UploadId", id) + text("Initiated", new Date(startedAtMs).toISOString())),
  );
  return { status: 200, headers: {}, body: documentOf("ListMultipartUploadsResult", items.join("") + text("IsTruncated", "false")) };
}

export function abortUpload(call: ObjectCall): Answer {
  const upload = uploadOf(call);
  call.bucket.uploads.delete(upload.id);
  for (const { content } of upload.parts.values()) discard(content);
  return { status: 204, headers: {} };
}

export async function completeUpload(call: ObjectCall): Promise<Answer> {
  const { bucket, key } = call;
  const upload = uploadOf(call);
  const { content: sent } = await receive(call);
  const xml = sent.kind === "memory" ? sent.bytes.toString() : "";
  const etags = textsOf(xml, "ETag");
  const numbers = textsOf(xml, "PartNumber").map(Number);
  const parts = numbers.map((number, at) => {
    const part = upload.parts.get(number);
    if (part === undefined || part.etag.replaceAll('"', "") !== etags[at]?.replaceAll('"', "")) throw new Refusal(400, "InvalidPart");
    if (at > 0 && number <= (numbers[at - 1] ?? 0)) throw new Refusal(400, "InvalidPartOrder");
    if (at < numbers.length - 1 && part.content.size < partBytesMin) throw new Refusal(400, "EntityTooSmall");
    return part;
  });
  const content = await joined(parts.map((part) => part.content));
  const md5s = createHash("md5");
  for (const part of parts) md5s.update(part.content.md5);
  const etag = `"${md5s.digest("hex")}-${parts.length}"`;
  const checksum = checksumOf(upload, { parts, content });
  const { headers } = upload;
  bucket.put({ key, content, etag, checksum, modifiedAtMs: call.nowMs, headers, tags: "", versionId: null }, preconditionsOf(call));
  bucket.uploads.delete(upload.id);
  for (const part of parts) discard(part.content);
  const sum = checksum === null ? "" : text(checksumElement(checksum.algorithm), checksum.value);
  const body = text("Bucket", call.bucketName) + text("Key", key) + text("ETag", etag) + sum;
  return { status: 200, headers: {}, body: documentOf("CompleteMultipartUploadResult", body), isWrite: true };
}

type Part = { readonly content: Content; readonly checksum: Checksum | null };

/** Of the whole where the algorithm can, otherwise of the parts' checksums, with their number. */
function checksumOf(
  { algorithm, isFullObject }: Upload,
  { parts, content }: { readonly parts: readonly Part[]; readonly content: Content & { readonly kind: "memory" } },
): Checksum | null {
  if (algorithm === null) return null;
  const running = startChecksum(algorithm);
  if (isFullObject) {
    running.update(content.bytes);
    return { algorithm, value: running.digest().toString("base64") };
  }
  for (const { checksum } of parts) {
    if (checksum?.algorithm !== algorithm) throw new Refusal(400, "InvalidRequest", "A part was uploaded without its checksum.");
    running.update(Buffer.from(checksum.value, "base64"));
  }
  return { algorithm, value: `${running.digest().toString("base64")}-${parts.length}` };
}

async function joined(contents: readonly Content[]): Promise<Content & { readonly kind: "memory" }> {
  const size = contents.reduce((sum, content) => sum + content.size, 0);
  if (size > memoryBytesMax) throw new Refusal(501, "NotImplemented", "An upload in parts is limited to 256 MiB here.");
  const pieces: Buffer[] = [];
  for (const content of contents) for await (const piece of readContent(content, 0, content.size)) pieces.push(piece);
  const bytes = Buffer.concat(pieces);
  return { kind: "memory", bytes, size, md5: createHash("md5").update(bytes).digest() };
}

function uploadOf({ bucket, key, target }: ObjectCall): Upload {
  const upload = bucket.uploads.get(parameter(target, "uploadId") ?? "");
  if (upload?.key === key) return upload;
  throw new Refusal(404, "NoSuchUpload", "The specified multipart upload does not exist.");
}
