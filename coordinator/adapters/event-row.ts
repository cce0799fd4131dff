// An event as one row of text with a checksum over everything that identifies it.

import { crc32 } from "node:zlib";
import type { RecordedEvent, RunEvent } from "../../proto/event.ts";
import type { RunId } from "../../proto/ids.ts";

/** Covers the row's place as well, so that an intact row in the wrong place is as wrong as a flipped bit. Events count from 1; the summary of a run takes 0. */
export function checksumOf(run: RunId, seq: number, payload: string): number {
  return crc32(payload, crc32(`${run}#${seq}#`));
}

/** Null where the row is not what was written. */
export function parseEventRow(
  run: RunId,
  row: { readonly seq: unknown; readonly payload: unknown; readonly checksum: unknown },
): RecordedEvent | null {
  const { seq, payload, checksum } = row;
  if (typeof seq !== "number" || typeof payload !== "string" || checksumOf(run, seq, payload) !== checksum) return null;
  return { seq, event: JSON.parse(payload) as RunEvent };
}
