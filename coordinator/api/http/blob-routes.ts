// Serves the blobs of a folder to those who have been given a URL for one.
//
// B1. A body has the length and the bytes that were signed, or nothing of it is kept.
// B2. What is read is read as fast as it is taken; nothing of a blob waits in memory but a piece.
// B3. A large blob comes in pieces, which are blobs, and their list. When the list has come it is put together: the folder
//     holds every blob whole.

import { createHash } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { open, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { finished, pipeline } from "node:stream/promises";
import type { Sha256 } from "../../../proto/ids.ts";
import { parsePieceList, type PieceList } from "../../../sdk/artifact/s3/piece-list.ts";
import { ArtifactStoreError, type ArtifactStore } from "../../../sdk/artifact/store.ts";
import { HttpError, type HttpRequest, type Route } from "./http-server.ts";
import { blobPath, type SignedAccess, type SignedUrls } from "./signed-urls.ts";

export type BlobRoutesOptions = { readonly root: string; readonly store: ArtifactStore; readonly urls: SignedUrls };

/** Of one body: a large blob comes in pieces. Bytes. */
const bodyBytesMax = 256 * 1024 * 1024;
/** While a blob is put together, whoever waits hears of it so often. Milliseconds. */
const tellEveryMs = 5000;
const readBytes = 256 * 1024;

export function blobRoutes(options: BlobRoutesOptions): readonly Route[] {
  const name = "/blobs/SHA256[/pieces]";
  return [{ name, path: blobPath, methods: ["GET", "HEAD", "PUT"], handle: (request) => handle(request, options) }];
}

type Write = Extract<SignedAccess, { method: "PUT" }>;

async function handle(request: HttpRequest, options: BlobRoutesOptions): Promise<void> {
  const access = options.urls.verify(request.incoming.method ?? "", request.url);
  if (access.method === "PUT") {
    checkLength(request.incoming, access);
    return explained(request.incoming, () =>
      access.part === "list" ? writeList(request, access, options) : writeBytes(request, access, options),
    );
  }
  if (access.part === "list") throw new HttpError(404, `blob ${access.sha256} is not stored in pieces`); // B3
  return read(request, access.sha256, join(options.root, access.sha256.slice(0, 2), access.sha256.slice(2)));
}

/** B1 */
function checkLength(incoming: IncomingMessage, { size }: Write): void {
  if (size > bodyBytesMax) throw new HttpError(413, `a body has at most ${bodyBytesMax} bytes: send larger blobs in pieces`);
  if (Number(incoming.headers["content-length"]) !== size) throw new HttpError(400, `this URL is for a body of ${size} bytes`);
}

async function explained(incoming: IncomingMessage, write: () => Promise<void>): Promise<void> {
  try {
    await write();
  } catch (error) {
    // Who still sends would find the connection broken, and not read why.
    incoming.resume();
    await finished(incoming).catch(() => undefined);
    if (error instanceof ArtifactStoreError) throw new HttpError(error.problem === "full" ? 507 : 500, error.message);
    throw error;
  }
}

/** Whether it is there already and sound, and stays so, the store finds out when all of it has come. */
async function writeBytes({ incoming, response }: HttpRequest, access: Write, { store }: BlobRoutesOptions): Promise<void> {
  await store.putStream(verified(incoming, access));
  response.writeHead(200).end();
}

/** B3 */
async function writeList({ incoming, response }: HttpRequest, access: Write, { store }: BlobRoutesOptions): Promise<void> {
  const bodies: Uint8Array[] = [];
  for await (const piece of verified(incoming, access)) bodies.push(piece);
  const list = parsePieceList(Buffer.concat(bodies), access.sha256);
  if (list === null) throw new HttpError(400, `the body is no list of the pieces of ${access.sha256}`);
  await telling(response, async () => {
    const stored = await store.putStream(joined(list, store));
    if (stored.sha256 !== list.sha256) throw new HttpError(400, `the pieces are none of ${list.sha256}`);
  });
  response.writeHead(200).end();
}

async function* joined({ pieces }: PieceList, store: ArtifactStore): AsyncIterable<Uint8Array> {
  for (const piece of pieces) yield* store.stream(piece);
}

/** Sends that it is being worked on, so that nobody takes a long silence for the end. */
async function telling(response: ServerResponse, work: () => Promise<void>): Promise<void> {
  const teller = setInterval(() => response.writeProcessing(), tellEveryMs);
  try {
    await work();
  } finally {
    clearInterval(teller);
  }
}

/** B1 */
async function* verified(incoming: IncomingMessage, { size, checksum }: Write): AsyncIterable<Uint8Array> {
  const hash = createHash("sha256");
  let length = 0;
  for await (const piece of incoming.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    length += piece.length;
    hash.update(piece);
    yield piece;
  }
  if (length !== size) throw new HttpError(400, `the body ended after ${length} of ${size} bytes`);
  if (hash.digest("hex") !== checksum) throw new HttpError(400, `the body's bytes are not those of ${checksum}`);
}

async function read({ incoming, response }: HttpRequest, sha256: Sha256, path: string): Promise<void> {
  const file = await openBlob(path, sha256);
  try {
    const { size, mtime } = await file.stat();
    const { from, to } = rangeOf(incoming.headers.range, size);
    const whole = to - from === size;
    response.writeHead(whole ? 200 : 206, {
      "content-type": "application/octet-stream",
      "content-length": to - from,
      "accept-ranges": "bytes",
      "last-modified": mtime.toUTCString(),
      ...(!whole && { "content-range": `bytes ${from}-${to - 1}/${size}` }),
    });
    if (incoming.method === "HEAD" || to === from) response.end();
    else await pipeline(file.createReadStream({ start: from, end: to - 1, autoClose: false, highWaterMark: readBytes }), response); // B2
  } finally {
    await file.close();
  }
}

async function openBlob(path: string, sha256: Sha256): Promise<FileHandle> {
  try {
    return await open(path, "r");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") throw new HttpError(404, `there is no blob ${sha256}`);
    throw error;
  }
}

/** One range, as `bytes=FROM-` or `bytes=FROM-TO`; all of it without one. */
function rangeOf(header: string | undefined, size: number): { readonly from: number; readonly to: number } {
  if (header === undefined) return { from: 0, to: size };
  const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(header) ?? [];
  const from = Number(first);
  if (first === undefined || from >= size) throw new HttpError(416, `the blob has ${size} bytes`);
  return { from, to: last === "" || last === undefined ? size : Math.min(size, Number(last) + 1) };
}
