// Fetches an object, or a range of it, into a file: a large one in several parts at once.
//
// D1. All parts are of one object: when somebody writes it meanwhile, the download fails.
// D2. An object that fits one part is verified where the server tells a checksum of it.

import { open, rm, writeFile, type FileHandle } from "node:fs/promises";
import { openObject, readAll, type OpenObject } from "../artifact/s3/object-reader.ts";
import type { ObjectRange } from "../artifact/s3/objects.ts";
import { RequestFailure } from "../artifact/s3/request-failure.ts";
import { inOrder, type Transfers } from "../artifact/s3/transfers.ts";
import type { Address } from "./address.ts";
import { Damaged, type BucketRequests, type Facts } from "./bucket-requests.ts";
import type { Effort } from "./effort.ts";

export type Source = {
  readonly requests: BucketRequests;
  readonly at: Address;
  readonly effort: Effort;
  /** As many requests for bytes are under way at once, over all downloads. */
  readonly lanes: Transfers;
  readonly partBytes: number;
};

/** `length` null: to the end. What lies beyond the end is not there. */
export type Range = { readonly offset: number; readonly length: number | null };

export type Opened = OpenObject & { readonly facts: Facts };

/** Parts of one object that are fetched at once. */
const partsAhead = 8;
/** Bytes that don't match are fetched once more: most likely they were changed on their way. */
const verifyTriesMax = 2;
/** As long a part is gathered before it is written. */
const gatheredBytesMax = 1024 * 1024;

/** One object, opened as often as it takes, and always the same one. (D1) */
export class Opener {
  readonly #source: Pick<Source, "requests" | "at" | "effort">;
  #facts: Facts | null = null;

  constructor(source: Pick<Source, "requests" | "at" | "effort">) {
    this.#source = source;
  }

  /** Null if it isn't there. `whole`: the first request asks for all of it, so that the server tells its checksum. */
  async open(range: ObjectRange, { whole }: { readonly whole: boolean }): Promise<Opened | null> {
    const { requests, at, effort } = this.#source;
    const opened = await openObject(
      async (part) => {
        const first = this.#facts === null;
        const answer = await requests.read(at, { range: first && whole ? null : part, ifMatch: this.#facts?.etag ?? null }, effort.signal);
        this.#facts ??= answer?.facts ?? null;
        return answer?.body ?? null;
      },
      range,
      effort.pacing,
    );
    return opened === null || this.#facts === null ? null : { ...opened, facts: this.#facts };
  }
}

/** Null if it isn't there; no file is left then, nor when it fails. */
export async function download(source: Source, path: string, range: Range | null): Promise<{ facts: Facts; got: number } | null> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await downloadOnce(source, path, range);
    } catch (error) {
      if (error instanceof Damaged && tries < verifyTriesMax) continue; // D2
      await rm(path, { force: true });
      throw error;
    }
  }
}

async function downloadOnce(source: Source, path: string, range: Range | null): Promise<{ facts: Facts; got: number } | null> {
  const { lanes, partBytes } = source;
  const from = range?.offset ?? 0;
  const to = range === null || range.length === null ? Infinity : from + range.length;
  const opener = new Opener(source);
  /** What goes on beside the first part. */
  const beside: { handle: FileHandle | null; rest: Promise<void> } = { handle: null, rest: Promise.resolve() };
  try {
    const first = await lanes.run(1, async () => {
      const opened = await opener.open({ from, to: Math.min(to, from + partBytes) }, { whole: range === null });
      if (opened === null) return null;
      const end = Math.min(to, opened.size);
      const got = { facts: opened.facts, got: end - from };
      if (got.got <= Math.min(partBytes, gatheredBytesMax)) {
        await writeFile(path, await readAll({ bytes: opened.bytes, size: got.got }));
        return got;
      }
      const handle = await open(path, "w");
      beside.handle = handle;
      if (got.got > partBytes) beside.rest = copyRest({ source, opener, handle }, { base: from, from: from + partBytes, to: end });
      // It is awaited below, unless the first part fails.
      beside.rest.catch(() => {});
      await copy(opened, handle, 0);
      return got;
    });
    await beside.rest;
    return first;
  } finally {
    await beside.rest.catch(() => {});
    await beside.handle?.close();
  }
}

async function copyRest(
  { source, opener, handle }: { readonly source: Source; readonly opener: Opener; readonly handle: FileHandle },
  { base, from, to }: { readonly base: number; readonly from: number; readonly to: number },
): Promise<void> {
  const starts = Array.from({ length: Math.ceil((to - from) / source.partBytes) }, (_, at) => from + at * source.partBytes);
  const copyPart = (start: number): Promise<void> =>
    source.lanes.run(1, async () => {
      const opened = await opener.open({ from: start, to: Math.min(to, start + source.partBytes) }, { whole: false });
      if (opened === null) throw new RequestFailure("refused", "it was there a moment ago and is not any more");
      await copy(opened, handle, start - base);
    });
  const copied = inOrder(starts, partsAhead, copyPart)[Symbol.asyncIterator]();
  while ((await copied.next()).done !== true);
}

async function copy({ bytes }: OpenObject, handle: FileHandle, offset: number): Promise<void> {
  let at = offset;
  for await (const chunk of bytes) {
    await handle.write(chunk, 0, chunk.length, at);
    at += chunk.length;
  }
}
