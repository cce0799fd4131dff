// Collects bytes in growing chunks: numbers, strings, and large memory by reference.

import { bulkBytesMin, tag } from "./encoding.ts";

const scratchBytes = 16 * 1024;
const chunkBytesMax = 1024 * 1024;
const shortStringMax = 40;

// Most values are small: they are written into one buffer that is kept for the next, and copied out at their size.
let scratch: Buffer | undefined;

export class ByteWriter {
  readonly #done: Uint8Array[] = [];
  #doneBytes = 0;
  #bytes: Buffer;
  #at = 0;

  constructor() {
    this.#bytes = scratch ?? Buffer.allocUnsafeSlow(scratchBytes);
    scratch = undefined;
  }

  /** The chunks so far, in order. The writer is of no use afterwards. */
  finish(): Uint8Array[] {
    if (this.#doneBytes > 0) {
      this.#seal();
      return this.#done;
    }
    const bytes = Uint8Array.prototype.slice.call(this.#bytes.subarray(0, this.#at));
    scratch = this.#bytes;
    return [bytes];
  }

  byte(value: number): void {
    if (this.#at === this.#bytes.length) this.#grow(1);
    this.#bytes[this.#at++] = value;
  }

  /** An unsigned integer up to 2^53. */
  varint(value: number): void {
    if (this.#at + 8 > this.#bytes.length) this.#grow(8);
    let rest = value;
    while (rest > 0x7f) {
      this.#bytes[this.#at++] = (rest % 0x80) + 0x80;
      rest = rest > 0x7fffffff ? Math.floor(rest / 0x80) : rest >>> 7;
    }
    this.#bytes[this.#at++] = rest;
  }

  float(value: number): void {
    if (this.#at + 8 > this.#bytes.length) this.#grow(8);
    // A NaN may carry hidden bits; the literal has one form.
    this.#at = this.#bytes.writeDoubleLE(Number.isNaN(value) ? Number.NaN : value, this.#at);
  }

  /** A tagged string. */
  string(text: string): void {
    if (text.length > shortStringMax || !this.#shortAscii(text)) this.#longString(text);
  }

  /** `length` bytes of memory from a multiple of 8 on; large ones are not copied. */
  memory(bytes: Uint8Array): void {
    this.varint(bytes.length);
    for (let gap = -(this.#doneBytes + this.#at) & 7; gap > 0; gap -= 1) this.byte(0);
    if (bytes.length < bulkBytesMin) {
      if (this.#at + bytes.length > this.#bytes.length) this.#grow(bytes.length);
      this.#bytes.set(bytes, this.#at);
      this.#at += bytes.length;
      return;
    }
    this.#seal();
    this.#done.push(bytes);
    this.#doneBytes += bytes.length;
    this.#bytes = Buffer.allocUnsafeSlow(scratchBytes);
  }

  #shortAscii(text: string): boolean {
    if (this.#at + shortStringMax + 2 > this.#bytes.length) this.#grow(shortStringMax + 2);
    const bytes = this.#bytes;
    let at = this.#at;
    bytes[at++] = tag.ascii;
    bytes[at++] = text.length;
    for (let index = 0; index < text.length; index += 1) {
      const unit = text.charCodeAt(index);
      if (unit > 0x7f) return false;
      bytes[at++] = unit;
    }
    this.#at = at;
    return true;
  }

  #longString(text: string): void {
    const utf8Bytes = Buffer.byteLength(text);
    if (utf8Bytes === text.length) this.#text(tag.ascii, text, utf8Bytes);
    else if (text.isWellFormed()) this.#text(tag.utf8, text, utf8Bytes);
    else this.#text(tag.utf16, text, text.length * 2);
  }

  #text(kind: typeof tag.ascii | typeof tag.utf8 | typeof tag.utf16, text: string, length: number): void {
    this.byte(kind);
    this.varint(length);
    if (this.#at + length > this.#bytes.length) this.#grow(length);
    this.#bytes.write(text, this.#at, kind === tag.ascii ? "latin1" : kind === tag.utf8 ? "utf8" : "utf16le");
    this.#at += length;
  }

  #seal(): void {
    this.#done.push(this.#bytes.subarray(0, this.#at));
    this.#doneBytes += this.#at;
    this.#at = 0;
  }

  #grow(needed: number): void {
    const next = Math.min(chunkBytesMax, this.#bytes.length * 2);
    this.#seal();
    this.#bytes = Buffer.allocUnsafeSlow(Math.max(needed, next));
  }
}
