// The bytes between a worker and its task process: frames of a length, a kind and a body, on one local socket.

/** From worker to task process. */
export const orderFrame = 1;
export const abortFrame = 2;
/** A number of a question and the answer to it, see blob-messages.ts. */
export const blobReplyFrame = 3;
/** The code package of the order that follows. */
export const packageFrame = 4;
/** From task process to worker. */
export const readyFrame = 1;
export const codeReturnedFrame = 2;
export const reportFrame = 3;
export const progressFrame = 4;
export const secretsFrame = 5;
/** A number and a question. */
export const blobAskFrame = 6;

const headerBytes = 5;
/** Longest body: an order for a join over 100,000 inputs fits many times. Bytes. */
const bodyBytesMax = 1024 * 1024 * 1024;

export function encodeFrame(kind: number, ...bodies: readonly Uint8Array[]): Buffer {
  let length = 0;
  for (const body of bodies) length += body.length;
  if (length > bodyBytesMax)
    throw new Error(`a message of ${length} bytes is longer than a task process may get or send (${bodyBytesMax})`);
  const frame = Buffer.allocUnsafe(headerBytes + length);
  frame.writeUInt32LE(length, 0);
  frame[4] = kind;
  let at = headerBytes;
  for (const body of bodies) {
    frame.set(body, at);
    at += body.length;
  }
  return frame;
}

/** Cuts a stream of bytes into frames. A frame's body is valid during the call only. */
export class FrameReader {
  readonly #onFrame: (kind: number, body: Buffer) => void;
  #parts: Buffer[] = [];
  #buffered = 0;
  #needed = headerBytes;

  constructor(onFrame: (kind: number, body: Buffer) => void) {
    this.#onFrame = onFrame;
  }

  push(chunk: Buffer): void {
    // Most chunks are whole frames: no copy then.
    if (this.#buffered === 0) {
      const rest = this.#deliver(chunk);
      if (rest.length > 0) this.#keep(Buffer.from(rest));
      return;
    }
    this.#keep(Buffer.from(chunk));
    if (this.#buffered < this.#needed) return;
    const all = Buffer.concat(this.#parts, this.#buffered);
    this.#parts = [];
    this.#buffered = 0;
    const rest = this.#deliver(all);
    if (rest.length > 0) this.#keep(rest);
  }

  #keep(part: Buffer): void {
    this.#parts.push(part);
    this.#buffered += part.length;
  }

  #deliver(bytes: Buffer): Buffer {
    let at = 0;
    this.#needed = headerBytes;
    while (bytes.length - at >= headerBytes) {
      const length = bytes.readUInt32LE(at);
      if (length > bodyBytesMax) throw new Error(`a frame of ${length} bytes is not from a task process`);
      const end = at + headerBytes + length;
      if (bytes.length < end) {
        this.#needed = headerBytes + length;
        break;
      }
      const kind = bytes[at + 4] ?? 0;
      this.#onFrame(kind, bytes.subarray(at + headerBytes, end));
      at = end;
    }
    return bytes.subarray(at);
  }
}
