// Lets the items that are sent in one turn of the event loop share one message.
//
// B1. Items leave in the order of the calls.
// B2. What nobody waits for lingers a moment, so that it can leave with something else: a message costs more than what is in it.
// B3. While the stream asks its writer to wait, nothing is written to it: items gather here and then leave together.

import { ProtoWriter } from "./proto-writer.ts";

/** The writing side of a grpc-js stream; its message type is the encoded batch. */
export interface BatchStream {
  /** False: wait for `drain`. */
  write(batch: Buffer): boolean;
  once(event: "drain", listener: () => void): unknown;
}

/** A batch that has grown beyond this leaves at once, so that no message is much longer than its longest item. Bytes. */
const batchBytesMax = 256 * 1024;
/** How long an item may linger. Milliseconds. */
const lingerMs = 10;

export class Batcher<Item> {
  readonly #stream: BatchStream;
  readonly #writeItem: (writer: ProtoWriter, item: Item) => void;
  readonly #writer = new ProtoWriter();
  /** Full batches that wait for the stream. */
  #full: Buffer[] = [];
  #fullBytes = 0;
  #scheduled = false;
  #lingering: NodeJS.Timeout | null = null;
  #blocked = false;
  #closed = false;

  constructor(stream: BatchStream, writeItem: (writer: ProtoWriter, item: Item) => void) {
    this.#stream = stream;
    this.#writeItem = writeItem;
  }

  /** Bytes that wait for the stream to take more: whoever can wait should, while it is large. */
  get waitingBytes(): number {
    return this.#fullBytes + this.#writer.length;
  }

  send(item: Item): void {
    if (!this.#write(item) || this.#scheduled || this.#blocked) return;
    this.#scheduled = true;
    setImmediate(() => this.flush());
  }

  /** With what is sent next, or after a moment. (B2) */
  sendLater(item: Item): void {
    if (!this.#write(item)) return;
    this.#lingering ??= setTimeout(() => {
      this.#lingering = null;
      if (!this.#scheduled) this.flush();
    }, lingerMs);
  }

  /** Writes what waits, as far as the stream takes it. */
  flush(): void {
    this.#scheduled = false;
    if (this.#blocked || this.#closed) return;
    if (this.#writer.length > 0) this.#cut();
    const batches = this.#full;
    this.#full = [];
    for (const [at, batch] of batches.entries()) {
      this.#fullBytes -= batch.length;
      if (this.#stream.write(batch)) continue;
      this.#full = batches.slice(at + 1);
      return this.#waitForDrain();
    }
  }

  /** The stream has ended: what waits and what comes is dropped. */
  close(): void {
    this.#closed = true;
    this.#full = [];
    this.#fullBytes = 0;
    this.#writer.take();
    if (this.#lingering !== null) clearTimeout(this.#lingering);
  }

  /** Whether there is still somebody to write to. */
  #write(item: Item): boolean {
    if (this.#closed) return false;
    this.#writeItem(this.#writer, item);
    if (this.#writer.length >= batchBytesMax) this.#cut();
    return true;
  }

  #cut(): void {
    const batch = this.#writer.take();
    this.#full.push(batch);
    this.#fullBytes += batch.length;
  }

  #waitForDrain(): void {
    this.#blocked = true;
    this.#stream.once("drain", () => {
      this.#blocked = false;
      this.flush();
    });
  }
}
