// Receives the body of a request: takes the framing of `aws-chunked` off, verifies every digest that came along, and keeps the
// bytes in memory or, when they are many, in a file.

import { createHash, type Hash } from "node:crypto";
import { createWriteStream, type WriteStream } from "node:fs";
import { once } from "node:events";
import { rm } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { join } from "node:path";
import { randomUUID } from "node:crypto";
import { algorithmOf, checksumAlgorithms, startChecksum, type Checksum, type ChecksumAlgorithm } from "./checksums.ts";
import { Refusal } from "../aws/refusal.ts";
import { headerOf } from "../aws/signature.ts";

/** What a body left: its bytes, here or in a file. */
export type Content = { readonly size: number; readonly md5: Buffer } & (
  | { readonly kind: "memory"; readonly bytes: Buffer }
  | { readonly kind: "file"; readonly path: string }
);

export type Received = { readonly content: Content; readonly checksum: Checksum | null };

export type BodyOptions = {
  /** What the signature says of the body. */
  readonly payload: string;
  readonly folder: string;
  /** A fault: this byte arrives as another. */
  readonly flipAt: number | null;
};

const memoryBytesMax = 1024 * 1024;
const trailerPayload = "STREAMING-UNSIGNED-PAYLOAD-TRAILER";

/** @throws Refusal; nothing is left then */
export async function receiveBody(request: IncomingMessage, options: BodyOptions): Promise<Received> {
  const expected = expectations(request, options.payload);
  const sink = new Sink(options.folder);
  try {
    const trailers = new Map<string, string>();
    const raw = flipped(request, options.flipAt);
    const bytes = expected.isChunked ? dechunked(raw, trailers) : raw;
    for await (const piece of bytes) {
      for (const digest of expected.digests) digest.update(piece);
      await sink.write(piece);
    }
    const content = await sink.finish();
    return { content, checksum: verify(request, { ...expected, trailers }, content) };
  } catch (error) {
    await sink.discard();
    throw error;
  }
}

type Expectations = {
  readonly isChunked: boolean;
  /** Of the bytes themselves, in hexadecimal. */
  readonly payloadSha256: { readonly running: Hash; readonly value: string } | null;
  readonly checksum: {
    readonly algorithm: ChecksumAlgorithm;
    readonly running: ReturnType<typeof startChecksum>;
    readonly value: string | null;
  } | null;
  readonly digests: readonly { update(bytes: Uint8Array): unknown }[];
  readonly size: number;
};

function expectations(request: IncomingMessage, payload: string): Expectations {
  const isChunked = payload === trailerPayload;
  if (payload.startsWith("STREAMING-") && !isChunked) throw new Refusal(501, "NotImplemented", `${payload} is not understood here`);
  if (isChunked !== (headerOf(request, "content-encoding") ?? "").split(",").includes("aws-chunked")) {
    throw new Refusal(400, "InvalidRequest", "aws-chunked and x-amz-content-sha256 do not agree");
  }
  const length = headerOf(request, isChunked ? "x-amz-decoded-content-length" : "content-length");
  if (length === undefined) throw new Refusal(411, "MissingContentLength", "You must provide the Content-Length HTTP header.");
  const isHex = /^[0-9a-f]{64}$/.test(payload);
  if (!isHex && !isChunked && payload !== "UNSIGNED-PAYLOAD")
    throw new Refusal(400, "InvalidArgument", "x-amz-content-sha256 is malformed");
  const payloadSha256 = isHex ? { running: createHash("sha256"), value: payload } : null;
  const checksum = expectedChecksum(request);
  const digests = [payloadSha256?.running, checksum?.running].filter((digest) => digest !== undefined);
  return { isChunked, payloadSha256, checksum, digests, size: Number(length) };
}

function expectedChecksum(request: IncomingMessage): Expectations["checksum"] {
  const given = checksumAlgorithms.filter((algorithm) => headerOf(request, `x-amz-checksum-${algorithm}`) !== undefined);
  if (given.length > 1) throw new Refusal(400, "InvalidRequest", "Expecting a single x-amz-checksum- header");
  const [algorithm] = given;
  if (algorithm !== undefined) {
    return { algorithm, running: startChecksum(algorithm), value: headerOf(request, `x-amz-checksum-${algorithm}`) ?? null };
  }
  const trailer = algorithmOf((headerOf(request, "x-amz-trailer") ?? "").replace(/^x-amz-checksum-/, ""));
  return trailer === undefined ? null : { algorithm: trailer, running: startChecksum(trailer), value: null };
}

function verify(
  request: IncomingMessage,
  expected: Expectations & { readonly trailers: ReadonlyMap<string, string> },
  content: Content,
): Checksum | null {
  if (content.size !== expected.size) throw new Refusal(400, "IncompleteBody", "The body is not as long as was said.");
  const { payloadSha256, checksum } = expected;
  if (payloadSha256 !== null && payloadSha256.running.digest("hex") !== payloadSha256.value) {
    throw new Refusal(400, "XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' header does not match what was computed.");
  }
  const md5 = headerOf(request, "content-md5");
  if (md5 !== undefined && content.md5.toString("base64") !== md5) {
    throw new Refusal(400, "BadDigest", "The Content-MD5 you specified did not match what we received.");
  }
  if (checksum === null) return null;
  const value = checksum.running.digest().toString("base64");
  const claimed = checksum.value ?? expected.trailers.get(`x-amz-checksum-${checksum.algorithm}`);
  if (claimed === undefined) throw new Refusal(400, "MalformedTrailerError", "The request's trailer does not have the checksum.");
  if (claimed === value) return { algorithm: checksum.algorithm, value };
  throw new Refusal(400, "BadDigest", `The ${checksum.algorithm.toUpperCase()} you specified did not match the calculated checksum.`);
}

class Sink {
  readonly #folder: string;
  readonly #md5 = createHash("md5");
  #pieces: Buffer[] = [];
  #size = 0;
  #file: { readonly path: string; readonly stream: WriteStream } | null = null;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async write(piece: Buffer): Promise<void> {
    this.#md5.update(piece);
    this.#size += piece.length;
    if (this.#file === null && this.#size <= memoryBytesMax) {
      this.#pieces.push(piece);
      return;
    }
    if (this.#file === null) {
      const path = join(this.#folder, randomUUID());
      this.#file = { path, stream: createWriteStream(path) };
      for (const early of this.#pieces) this.#file.stream.write(early);
      this.#pieces = [];
    }
    if (!this.#file.stream.write(piece)) await once(this.#file.stream, "drain");
  }

  async finish(): Promise<Content> {
    const [size, md5] = [this.#size, this.#md5.digest()];
    if (this.#file === null) return { kind: "memory", size, md5, bytes: Buffer.concat(this.#pieces) };
    const { path, stream } = this.#file;
    stream.end();
    await once(stream, "close");
    return { kind: "file", size, md5, path };
  }

  async discard(): Promise<void> {
    if (this.#file === null) return;
    this.#file.stream.destroy();
    await rm(this.#file.path, { force: true });
  }
}

async function* flipped(request: IncomingMessage, at: number | null): AsyncIterable<Buffer> {
  let offset = 0;
  for await (const piece of request as AsyncIterable<Buffer>) {
    const inside = at === null ? -1 : at - offset;
    const byte = piece[inside];
    if (byte !== undefined) piece[inside] = byte ^ 1;
    offset += piece.length;
    yield piece;
  }
}

/** `SIZE-IN-HEX[;extensions]\r\nBYTES\r\n … 0\r\n trailers \r\n` */
async function* dechunked(source: AsyncIterable<Buffer>, trailers: Map<string, string>): AsyncIterable<Buffer> {
  let pending: Buffer = Buffer.alloc(0);
  const at: { state: "size" | "bytes" | "end" | "trailers" } = { state: "size" };
  let left = 0;
  for await (const piece of source) {
    pending = pending.length === 0 ? piece : Buffer.concat([pending, piece]);
    for (;;) {
      if (at.state === "bytes") {
        const taken = pending.subarray(0, left);
        if (taken.length > 0) yield taken;
        left -= taken.length;
        pending = pending.subarray(taken.length);
        if (left > 0) break;
        at.state = "end";
      }
      const end = pending.indexOf("\r\n");
      if (end < 0) break;
      const line = pending.toString("latin1", 0, end);
      pending = pending.subarray(end + 2);
      if (at.state === "size") {
        left = Number.parseInt(line.split(";")[0] ?? "", 16);
        if (!Number.isSafeInteger(left)) throw new Refusal(400, "InvalidRequest", "A chunk has no size.");
        at.state = left === 0 ? "trailers" : "bytes";
      } else if (at.state === "end") {
        at.state = "size";
      } else {
        const colon = line.indexOf(":");
        if (colon > 0) trailers.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim());
      }
    }
  }
  if (at.state !== "trailers") throw new Refusal(400, "IncompleteBody", "The body ended within a chunk.");
}
