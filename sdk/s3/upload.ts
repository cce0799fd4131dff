// Sends bytes of known or unknown length: up to one part as one request, more in parts, several at once.
//
// U1. An object is there whole or not at all: parts become one when all of them have arrived.
// U2. When an answer was lost, what is there is looked at: what this upload wrote is not told to be somebody else's.
// U3. An upload that fails leaves no parts behind, as far as the server can be told.

import { createHash, hash } from "node:crypto";
import { parseSha256, type Sha256 } from "../../proto/ids.ts";
import { cutPieces } from "../artifact/s3/cut-pieces.ts";
import { RequestFailure } from "../artifact/s3/request-failure.ts";
import type { Transfers } from "../artifact/s3/transfers.ts";
import type { Address } from "./address.ts";
import type { BucketRequests, Facts, ObjectHeaders, SentPart } from "./bucket-requests.ts";
import { trying, type Effort } from "./effort.ts";
import { S3Error } from "./s3-error.ts";

export type Destination = {
  readonly requests: BucketRequests;
  readonly at: Address;
  readonly headers: ObjectHeaders;
  readonly effort: Effort;
  /** Bounds the bytes that are held in memory and on their way, over all uploads. */
  readonly bytesInFlight: Transfers;
  readonly partBytes: number;
};

/** `written` is false where something was there that was to stay: nothing was changed then, and `etag` and `size` are not known. */
export type Sent = { readonly written: boolean; readonly etag: string | null; readonly size: number };

/** Of S3 itself. */
export const partsMax = 10_000;

export function uploadBytes(to: Destination, bytes: Uint8Array): Promise<Sent> {
  if (bytes.length > to.partBytes) return uploadParts(to, slices(bytes, to.partBytes));
  return to.bytesInFlight.run(bytes.length, () => uploadWhole(to, bytes));
}

export async function uploadStream(to: Destination, source: AsyncIterable<Uint8Array>): Promise<Sent> {
  const pieces = cutPieces(source, to.partBytes);
  try {
    const first = await pieces.next();
    const second = await pieces.next();
    if (first.done === true) throw new Error("a stream has at least one piece");
    if (second.done === true) return await uploadBytes(to, first.value);
    return await uploadParts(to, chained([first.value, second.value], pieces));
  } finally {
    await pieces.return();
  }
}

async function uploadWhole({ requests, at, headers, effort }: Destination, bytes: Uint8Array): Promise<Sent> {
  const checksum = sha256Of(bytes);
  const { signal } = effort;
  let tries = 0;
  const etag = await trying(effort, () => {
    tries += 1;
    return requests.write(at, { bytes, checksum }, { headers, signal });
  });
  if (etag !== null) return { written: true, etag, size: bytes.length };
  const there = tries > 1 ? await trying(effort, () => requests.look(at, signal)) : null; // U2
  if (there === null || there.size !== bytes.length || !hasChecksum(there, checksum, bytes)) return { written: false, etag: null, size: 0 };
  return { written: true, etag: there.etag, size: bytes.length };
}

function hasChecksum({ sha256, etag }: Facts, checksum: Sha256, bytes: Uint8Array): boolean {
  return sha256 === null ? etag === `"${hash("md5", bytes)}"` : sha256 === checksum;
}

async function uploadParts(to: Destination, pieces: AsyncIterable<Uint8Array>): Promise<Sent> {
  const { requests, at, headers, effort } = to;
  const upload = await trying(effort, () => requests.startUpload(at, { headers, signal: effort.signal }));
  try {
    const { parts, size } = await sendParts(to, upload, pieces);
    return await complete(to, upload, { parts, size });
  } catch (error) {
    await requests.abortUpload(at, upload).catch(() => {}); // U3
    throw error;
  }
}

async function sendParts(
  { requests, at, effort, bytesInFlight }: Destination,
  upload: string,
  pieces: AsyncIterable<Uint8Array>,
): Promise<{ readonly parts: readonly SentPart[]; readonly size: number }> {
  const sending: Promise<SentPart>[] = [];
  const failures: unknown[] = [];
  let size = 0;
  try {
    for await (const bytes of pieces) {
      if (failures.length > 0) throw failures[0];
      const number = sending.length + 1;
      if (number > partsMax) throw tooLong(at, bytes.length);
      size += bytes.length;
      const { done } = await bytesInFlight.start(bytes.length, () => {
        const part = { bytes, checksum: sha256Of(bytes), number, signal: effort.signal };
        return trying(effort, () => requests.sendPart(at, upload, part));
      });
      done.catch((error: unknown) => failures.push(error));
      sending.push(done);
    }
    return { parts: await Promise.all(sending), size };
  } finally {
    await Promise.allSettled(sending);
  }
}

async function complete(
  { requests, at, headers, effort }: Destination,
  upload: string,
  { parts, size }: { readonly parts: readonly SentPart[]; readonly size: number },
): Promise<Sent> {
  const { signal } = effort;
  let tries = 0;
  const answer = await trying(effort, () => {
    tries += 1;
    return requests.completeUpload(at, upload, { parts, headers, signal });
  });
  if (answer !== "gone" && answer.etag !== null) return { written: true, etag: answer.etag, size };
  const there = tries > 1 ? await trying(effort, () => requests.look(at, signal)) : null; // U2
  if (there?.size === size && there.partsSha256 === checksumOf(parts)) return { written: true, etag: there.etag, size };
  if (answer === "gone") throw new RequestFailure("refused", "its upload in parts was ended by somebody else");
  // Nothing takes the parts any more. U3
  await requests.abortUpload(at, upload).catch(() => {});
  return { written: false, etag: null, size: 0 };
}

/** As servers make it of the checksums of parts. */
function checksumOf(parts: readonly SentPart[]): string {
  const sum = createHash("sha256");
  for (const { checksum } of parts) sum.update(Buffer.from(checksum, "hex"));
  return `${sum.digest("base64")}-${parts.length}`;
}

function sha256Of(bytes: Uint8Array): Sha256 {
  return parseSha256(hash("sha256", bytes));
}

function tooLong({ url }: Address, bytes: number): S3Error {
  const message = `${url}: a stream has more than ${partsMax} parts of ${bytes} bytes; write it to a file and send that with putFiles`;
  return new S3Error("refused", message, { url });
}

async function* slices(bytes: Uint8Array, length: number): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length);
}

async function* chained(first: readonly Uint8Array[], rest: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  yield* first;
  yield* rest;
}
