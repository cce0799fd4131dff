// An artifact store on objects that others carry: a blob up to one piece is one object, a larger one is several and a list.
//
// P1. A blob is there when the object under its name is, or its list, which is written last.
// P2. A piece is a blob like any other. Its length is part of the format: other lengths would make other pieces of equal blobs.
// P3. What is there already with the right bytes is not written again, unless it is so old that it might be about to be swept.
// P4. Whole reads are verified before they are given; a stream of pieces piece by piece, and in the end as a whole.
// P5. Bytes on their way are bounded over all readers and writers of the store.

import { createHash } from "node:crypto";
import { pieceListBytesMax } from "../../../proto/blobs.ts";
import { parseSha256 } from "../../../proto/ids.ts";
import type { Sha256 } from "../../../proto/ids.ts";
import { identify } from "../codec.ts";
import type { ArtifactStore, ByteRange } from "../store.ts";
import { cutPieces } from "./cut-pieces.ts";
import { openObject, readAll, readAtMost, readInto } from "./object-reader.ts";
import type { OpenObject, ReadPacing } from "./object-reader.ts";
import { ObjectWriter } from "./object-writer.ts";
import type { BlobObjects, ObjectRange } from "./objects.ts";
import { defaultPacing, persist } from "./persistence.ts";
import { partsOf, parsePieceList, writePieceList } from "./piece-list.ts";
import type { PieceList, PiecePart } from "./piece-list.ts";
import { explain, RequestFailure } from "./request-failure.ts";
import { corruptBlob, missingBlob, shortBlob } from "./stored-wrongly.ts";
import { inOrder, Transfers } from "./transfers.ts";

export type PiecedStoreOptions = {
  readonly pacing?: Partial<ReadPacing>;
  readonly bytesInFlightMax?: number;
  /** For tests: the length is part of the format. */
  readonly pieceBytes?: number;
};

const defaultPieceBytes = 16 * 1024 * 1024;
const defaultBytesInFlightMax = 64 * 1024 * 1024;
const idleMs = 20_000;
/** A store may take a moment to show what was written. */
const missingTriesMax = 3;
/** Lists of which blobs are remembered. */
const listsMax = 64;
/** Bytes that don't match are fetched once more: most likely they were changed on their way. */
const verifyTriesMax = 2;

export class PiecedArtifactStore implements ArtifactStore {
  readonly #objects: BlobObjects;
  readonly #writer: ObjectWriter;
  readonly #pacing: ReadPacing;
  readonly #pieceBytes: number;
  readonly #piecesAhead: number;
  readonly #transfers: Transfers;
  readonly #lists = new Map<Sha256, PieceList>();

  constructor(objects: BlobObjects, options: PiecedStoreOptions = {}) {
    const bytesInFlightMax = options.bytesInFlightMax ?? defaultBytesInFlightMax;
    this.#objects = objects;
    this.#pacing = { ...defaultPacing, idleMs, ...options.pacing };
    this.#writer = new ObjectWriter(objects, this.#pacing);
    this.#pieceBytes = options.pieceBytes ?? defaultPieceBytes;
    this.#piecesAhead = Math.max(1, Math.floor(bytesInFlightMax / this.#pieceBytes));
    this.#transfers = new Transfers(bytesInFlightMax);
  }

  async put(bytes: Uint8Array): Promise<Sha256> {
    if (bytes.length > this.#pieceBytes) return (await this.#putPieces(slices(bytes, this.#pieceBytes))).sha256;
    const sha256 = identify([bytes]);
    await this.#writer.write({ sha256, part: "bytes" }, { bytes, checksum: sha256 });
    return sha256;
  }

  async putStream(source: AsyncIterable<Uint8Array>): Promise<{ readonly sha256: Sha256; readonly size: number }> {
    const pieces = cutPieces(source, this.#pieceBytes);
    try {
      const first = await pieces.next();
      const second = await pieces.next();
      if (first.done === true) throw new Error("a stream has at least one piece");
      if (second.done === true) return { sha256: await this.put(first.value), size: first.value.length };
      return await this.#putPieces(chained([first.value, second.value], pieces));
    } finally {
      await pieces.return();
    }
  }

  async get(sha256: Sha256, range?: ByteRange): Promise<Uint8Array> {
    return this.#explained(sha256, async () => {
      const list = this.#lists.get(sha256);
      if (list !== undefined) return this.#getPieces(list, range);
      if (range?.length === 0) return this.#getNothing(sha256, range);
      return range === undefined ? this.#getWhole(sha256) : this.#getPart(sha256, range);
    });
  }

  async *stream(sha256: Sha256): AsyncIterable<Uint8Array> {
    const source = await this.#explained(sha256, () => this.#locate(sha256, { from: 0, to: null }));
    if (source.kind === "list") yield* this.#streamVerifying(sha256, this.#allPieces(source.list));
    else if (source.open.size > this.#pieceBytes) yield* this.#streamVerifying(sha256, source.open.bytes);
    else yield await this.#explained(sha256, () => this.#verified(sha256, source.open));
  }

  async has(sha256: Sha256): Promise<boolean> {
    return this.#explained(sha256, async () => (await this.#lookSize(sha256)) !== null);
  }

  /** The blobs that this one is stored in pieces as; none where it is whole, or not there. */
  async piecesOf(sha256: Sha256): Promise<readonly Sha256[]> {
    return this.#explained(sha256, async () => (await this.#listOf(sha256))?.pieces ?? []);
  }

  /** Blobs that somebody deleted. */
  protected forget(names: readonly Sha256[]): void {
    for (const sha256 of names) this.#lists.delete(sha256);
  }

  async #putPieces(source: AsyncIterable<Uint8Array>): Promise<{ readonly sha256: Sha256; readonly size: number }> {
    const hash = createHash("sha256");
    const pieces: Sha256[] = [];
    const uploads = new Set<Promise<void>>();
    let size = 0;
    const failures: unknown[] = [];
    try {
      for await (const bytes of source) {
        if (failures.length > 0) throw failures[0];
        hash.update(bytes);
        const sha256 = identify([bytes]);
        pieces.push(sha256);
        size += bytes.length;
        const upload = await this.#transfers.start(bytes.length, () =>
          this.#writer.write({ sha256, part: "bytes" }, { bytes, checksum: sha256 }),
        );
        uploads.add(upload.done);
        upload.done.then(
          () => uploads.delete(upload.done),
          (error: unknown) => failures.push(error),
        );
      }
    } finally {
      await Promise.allSettled(uploads);
    }
    await Promise.all(uploads);
    const sha256 = parseSha256(hash.digest("hex"));
    const bytes = writePieceList({ sha256, size, pieceBytes: this.#pieceBytes, pieces });
    await this.#writer.write({ sha256, part: "list" }, { bytes, checksum: identify([bytes]) });
    return { sha256, size };
  }

  async #getWhole(sha256: Sha256): Promise<Uint8Array> {
    const source = await this.#locate(sha256, { from: 0, to: null });
    return source.kind === "list" ? this.#getPieces(source.list) : this.#verified(sha256, source.open);
  }

  async #getPart(sha256: Sha256, range: ByteRange): Promise<Uint8Array> {
    const source = await this.#locate(sha256, { from: range.offset, to: range.offset + range.length });
    if (source.kind === "list") return this.#getPieces(source.list, range);
    const bytes = Buffer.allocUnsafeSlow(range.length);
    if ((await readInto(source.open, bytes)) !== range.length) throw shortBlob(sha256, this.#objects.place, range);
    return bytes;
  }

  /** No request can ask for no bytes; that they would be inside the blob is checked all the same. */
  async #getNothing(sha256: Sha256, range: ByteRange): Promise<Uint8Array> {
    const size = await this.#lookSize(sha256);
    if (size === null) throw missingBlob(sha256, this.#objects.place);
    if (range.offset > size) throw shortBlob(sha256, this.#objects.place, range);
    return new Uint8Array(0);
  }

  async #getPieces(list: PieceList, range: ByteRange = { offset: 0, length: list.size }): Promise<Uint8Array> {
    const { sha256, size } = list;
    const { offset, length } = range;
    if (offset + length > size) throw shortBlob(sha256, this.#objects.place, range);
    const target = Buffer.allocUnsafeSlow(length);
    // The blob's own name says whether it is right. Only where it isn't, it matters which piece is wrong, and whether it stays so.
    for (const isVerifying of [false, true]) {
      const hash = createHash("sha256");
      for await (const part of this.#fetchInOrder(list, range, { target, isVerifying })) hash.update(part);
      if (length < size || hash.digest("hex") === sha256) return target;
    }
    throw corruptBlob(sha256, this.#objects.place);
  }

  async *#streamVerifying(sha256: Sha256, source: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
    const hash = createHash("sha256");
    try {
      for await (const bytes of source) {
        hash.update(bytes);
        yield bytes;
      }
    } catch (error) {
      throw this.#explain(sha256, error);
    }
    if (hash.digest("hex") !== sha256) throw corruptBlob(sha256, this.#objects.place);
  }

  #allPieces(list: PieceList): AsyncIterable<Uint8Array> {
    return this.#fetchInOrder(list, { offset: 0, length: list.size }, { target: null, isVerifying: true });
  }

  /** Into the target where there is one, otherwise each part into memory of its own. */
  #fetchInOrder(
    list: PieceList,
    { offset, length }: ByteRange,
    { target, isVerifying }: { readonly target: Buffer | null; readonly isVerifying: boolean },
  ): AsyncIterable<Uint8Array> {
    const parts = partsOf(list, offset, offset + length);
    return inOrder(parts, this.#piecesAhead, (part) =>
      this.#transfers.run(part.to - part.from, async () => {
        const bytes = target?.subarray(part.offset - offset, part.offset - offset + part.to - part.from);
        return this.#fetchPart(list.sha256, part, { into: bytes ?? Buffer.allocUnsafeSlow(part.to - part.from), isVerifying });
      }),
    );
  }

  async #fetchPart(
    blob: Sha256,
    { sha256, from, to, isWhole }: PiecePart,
    { into, isVerifying }: { readonly into: Buffer; readonly isVerifying: boolean },
  ): Promise<Buffer> {
    const range = isWhole ? { from: 0, to: null } : { from, to };
    for (let tries = 1; tries <= verifyTriesMax; tries += 1) {
      const open = await this.#openPiece(sha256, range, blob);
      const length = await readInto(open, into);
      if (length !== into.length) continue;
      if (!isVerifying || !isWhole || identify([into]) === sha256) return into;
    }
    throw corruptBlob(sha256, this.#objects.place, blob);
  }

  async #openPiece(sha256: Sha256, range: ObjectRange, blob: Sha256): Promise<OpenObject> {
    for (let tries = 1; tries <= missingTriesMax; tries += 1) {
      if (tries > 1) await this.#pacing.sleep(this.#pacing.waitMsMin * 2 ** (tries - 2));
      const open = await this.#open(sha256, range, blob);
      if (open !== null) return open;
    }
    throw missingBlob(sha256, this.#objects.place, blob);
  }

  /** Its bytes, fetched again where they aren't right. */
  async #verified(sha256: Sha256, first: OpenObject): Promise<Uint8Array> {
    let open: OpenObject | null = first;
    for (let tries = 1; open !== null; tries += 1) {
      const bytes = await readAll(open);
      if (identify([bytes]) === sha256) return bytes;
      if (tries === verifyTriesMax) break;
      open = await this.#open(sha256, { from: 0, to: null });
    }
    throw corruptBlob(sha256, this.#objects.place);
  }

  /** The blob itself, or the list of its pieces. @throws ArtifactStoreError where neither is there */
  async #locate(
    sha256: Sha256,
    range: ObjectRange,
  ): Promise<{ readonly kind: "object"; readonly open: OpenObject } | { readonly kind: "list"; readonly list: PieceList }> {
    let list = this.#lists.get(sha256) ?? null;
    let denial: RequestFailure | null = null;
    for (let tries = 1; list === null && tries <= missingTriesMax; tries += 1) {
      try {
        const open = await this.#open(sha256, range);
        if (open !== null) return { kind: "object", open };
      } catch (error) {
        // Who may not list a bucket is denied what isn't there.
        if (!(error instanceof RequestFailure && error.reason === "denied")) throw error;
        denial = error;
      }
      list = await this.#listOf(sha256);
      if (list === null && denial !== null) throw denial;
      if (list === null && tries < missingTriesMax) await this.#pacing.sleep(this.#pacing.waitMsMin * 2 ** (tries - 1));
    }
    if (list === null) throw missingBlob(sha256, this.#objects.place);
    return { kind: "list", list };
  }

  #open(sha256: Sha256, range: ObjectRange, pieceOf?: Sha256): Promise<OpenObject | null> {
    const name = { sha256, part: "bytes" } as const;
    return openObject((part) => this.#objects.read(name, part, pieceOf), range, this.#pacing);
  }

  async #listOf(sha256: Sha256): Promise<PieceList | null> {
    const known = this.#lists.get(sha256);
    if (known !== undefined) return known;
    for (let tries = 1; tries <= verifyTriesMax; tries += 1) {
      const name = { sha256, part: "list" } as const;
      const open = await openObject((part) => this.#objects.read(name, part), { from: 0, to: null }, this.#pacing);
      if (open === null) return null;
      const bytes = await readAtMost(open, pieceListBytesMax);
      const list = bytes === null ? null : parsePieceList(bytes, sha256);
      if (list !== null) return this.#remember(list);
    }
    throw corruptBlob(sha256, this.#objects.place);
  }

  #remember(list: PieceList): PieceList {
    const [oldest] = this.#lists.keys();
    if (oldest !== undefined && this.#lists.size >= listsMax) this.#lists.delete(oldest);
    this.#lists.set(list.sha256, list);
    return list;
  }

  async #lookSize(sha256: Sha256): Promise<number | null> {
    const facts = await persist(this.#pacing, () => this.#objects.look({ sha256, part: "bytes" }));
    return facts?.size ?? (await this.#listOf(sha256))?.size ?? null;
  }

  async #explained<Result>(sha256: Sha256, read: () => Promise<Result>): Promise<Result> {
    try {
      return await read();
    } catch (error) {
      throw this.#explain(sha256, error);
    }
  }

  #explain(sha256: Sha256, error: unknown): unknown {
    return error instanceof RequestFailure ? explain(`blob ${sha256} could not be read`, this.#objects.place, error) : error;
  }
}

async function* slices(bytes: Uint8Array, length: number): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length);
}

async function* chained(first: readonly Uint8Array[], rest: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  yield* first;
  yield* rest;
}
