// Reads one object, going on where a broken connection stopped.
//
// R1. No byte is given twice and none is left out, however often the connection breaks.
// R2. Silence counts as a broken connection.

import type { ObjectBody, ObjectRange } from "./objects.ts";
import { persist, Tries } from "./persistence.ts";
import type { Pacing } from "./persistence.ts";
import { connectionFailure, RequestFailure } from "./request-failure.ts";

export type ReadPacing = Pacing & {
  /** A body that says nothing for so long is a broken one. */
  readonly idleMs: number;
};

/** One request for a part of the object, tried once; null if it isn't there. */
export type ReadRange = (range: ObjectRange) => Promise<ObjectBody | null>;

/** Read `bytes` to their end, or return from their iteration. */
export type OpenObject = {
  /** Of the whole object. Bytes. */
  readonly size: number;
  readonly bytes: AsyncIterable<Uint8Array>;
};

/** Null if it isn't there. @throws RequestFailure */
export async function openObject(read: ReadRange, range: ObjectRange, pacing: ReadPacing): Promise<OpenObject | null> {
  const first = await persist(pacing, () => read(range));
  return first === null ? null : { size: first.size, bytes: resumed(read, range, { first, pacing }) };
}

/** Everything into one buffer, which the caller owns. */
export async function readAll(open: OpenObject): Promise<Buffer> {
  const target = Buffer.allocUnsafeSlow(open.size);
  return target.subarray(0, await readInto(open, target));
}

/** Null where there are more bytes than that, of which none are kept. */
export async function readAtMost(open: OpenObject, bytesMax: number): Promise<Buffer | null> {
  if (open.size <= bytesMax) return readAll(open);
  await readInto(open, new Uint8Array(0));
  return null;
}

/** How many bytes there were; more than the target has room for are not read to their end. */
export async function readInto({ bytes }: OpenObject, target: Uint8Array): Promise<number> {
  let at = 0;
  for await (const piece of bytes) {
    if (at + piece.length > target.length) return at + piece.length;
    target.set(piece, at);
    at += piece.length;
  }
  return at;
}

async function* resumed(
  read: ReadRange,
  range: ObjectRange,
  { first, pacing }: { readonly first: ObjectBody; readonly pacing: ReadPacing },
): AsyncIterable<Uint8Array> {
  const end = Math.min(range.to ?? first.size, first.size);
  const tries = new Tries(pacing);
  let at = range.from;
  let current: ObjectBody | null = first;
  for (;;) {
    try {
      current ??= await read({ from: at, to: end });
      if (current === null) throw new RequestFailure("busy", "it was there a moment ago and is not any more");
      for await (const piece of within(current, { from: at, to: end }, pacing.idleMs)) {
        at += piece.length;
        tries.progress();
        yield piece;
      }
      if (at >= end) return;
      throw new RequestFailure("unreachable", `the answer ended ${end - at} bytes too early`);
    } catch (error) {
      await tries.after(connectionFailure(error));
    } finally {
      current?.cancel();
      current = null;
    }
  }
}

/** The bytes from `from` to `to`: a server may send more than it was asked for. Silence ends them. (R2) */
async function* within(
  body: ObjectBody,
  { from, to }: { readonly from: number; readonly to: number },
  idleMs: number,
): AsyncIterable<Uint8Array> {
  let [isWaiting, isSilent] = [false, false];
  const timer = setTimeout(() => {
    isSilent = isWaiting;
    // A reader who takes his time is no silence.
    if (isSilent) body.cancel();
    else timer.refresh();
  }, idleMs);
  const iterator = body.body[Symbol.asyncIterator]();
  try {
    for (let offset = body.offset; offset < to;) {
      isWaiting = true;
      timer.refresh();
      const next = await iterator.next();
      isWaiting = false;
      if (next.done === true) return;
      const piece = next.value.subarray(Math.max(0, from - offset), to - offset);
      offset += next.value.length;
      if (piece.length > 0) yield piece;
    }
  } catch (error) {
    throw isSilent ? new RequestFailure("unreachable", `nothing came for ${idleMs / 1000} s`, { cause: error }) : error;
  } finally {
    clearTimeout(timer);
  }
}
