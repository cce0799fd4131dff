// The events of runs as the ledger has them, read once for all who read the same at the same time, as those do who have just
// begun to follow a run, or are too slow for what comes.
//
// S1. A chunk that is whole never changes; one that isn't is believed only by those who asked before it was begun to be read.

import type { RecordedEvent } from "../../proto/event.ts";
import type { RunId } from "../../proto/ids.ts";
import type { Ledger } from "../ports/ledger.ts";

/** Events of a whole chunk. */
export const chunkEvents = 500;
/** Chunks that are kept while somebody reads. */
const chunksMax = 16;

type Chunk = readonly RecordedEvent[];
type Reading = { readonly number: number; readonly chunk: Promise<Chunk> };

export class SharedEvents {
  readonly #ledger: Pick<Ledger, "read">;
  /** By run and place; the one begun last is the last. */
  readonly #readings = new Map<string, Reading>();
  #begun = 0;
  #readers = 0;

  constructor(ledger: Pick<Ledger, "read">) {
    this.#ledger = ledger;
  }

  /** What comes after that event, in groups, up to what is there when the last of them is read. */
  async *after(run: RunId, afterSeq: number): AsyncGenerator<Chunk, void, undefined> {
    let seq = afterSeq;
    this.#readers += 1;
    try {
      for (;;) {
        const place = Math.floor(seq / chunkEvents);
        const chunk = await this.#chunk(run, place);
        const following = chunk.slice(seq - place * chunkEvents);
        seq += following.length;
        if (following.length > 0) yield following.length === chunk.length ? chunk : following;
        if (chunk.length < chunkEvents) return;
      }
    } finally {
      this.#readers -= 1;
      if (this.#readers === 0) this.#readings.clear();
    }
  }

  async #chunk(run: RunId, place: number): Promise<Chunk> {
    const key = `${run} ${place}`;
    const before = this.#begun;
    const known = this.#readings.get(key);
    const chunk = await known?.chunk.catch(() => null); // Whoever reads it again is told why it cannot be read.
    if (chunk?.length === chunkEvents) return chunk;
    const later = this.#readings.get(key);
    return later !== undefined && later.number > before ? later.chunk : this.#read(key, run, place); // S1
  }

  async #read(key: string, run: RunId, place: number): Promise<Chunk> {
    this.#begun += 1;
    const reading = { number: this.#begun, chunk: chunkOf(this.#ledger.read(run, place * chunkEvents)) };
    this.#readings.delete(key);
    this.#readings.set(key, reading);
    const [oldest] = this.#readings.keys();
    if (this.#readings.size > chunksMax && oldest !== undefined) this.#readings.delete(oldest);
    let whole = false;
    try {
      const chunk = await reading.chunk;
      whole = chunk.length === chunkEvents;
      return chunk;
    } finally {
      if (!whole && this.#readings.get(key) === reading) this.#readings.delete(key);
    }
  }
}

async function chunkOf(events: AsyncIterable<RecordedEvent>): Promise<Chunk> {
  const chunk: RecordedEvent[] = [];
  for await (const event of events) if (chunk.push(event) === chunkEvents) break;
  return chunk;
}
