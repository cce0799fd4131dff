// Reads protobuf's wire format from bytes that came over a connection: checked against their end, unknown fields skipped.

export class WireError extends Error {
  override readonly name = "WireError";
}

/** Read a field with `next`, then its value with the method for its type, or `skip` it. */
export class ProtoReader {
  readonly #buffer: Buffer;
  #at: number;
  #end: number;
  #wireType = 0;

  constructor(bytes: Uint8Array) {
    this.#buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#at = 0;
    this.#end = bytes.byteLength;
  }

  /** Number of the next field of the current message; null at its end. */
  next(): number | null {
    if (this.#at >= this.#end) return null;
    const tag = this.#varint();
    this.#wireType = tag % 8;
    return Math.floor(tag / 8);
  }

  number(): number {
    this.#expect(0);
    return this.#varint();
  }

  flag(): boolean {
    return this.number() !== 0;
  }

  double(): number {
    this.#expect(1);
    const at = this.#advance(8);
    return this.#buffer.readDoubleLE(at);
  }

  text(): string {
    const size = this.#size();
    const at = this.#advance(size);
    return this.#buffer.toString("utf8", at, at + size);
  }

  /** Shares memory with what is read. */
  bytes(): Buffer {
    const size = this.#size();
    const at = this.#advance(size);
    return this.#buffer.subarray(at, at + size);
  }

  /** Lets `read` see the fields of an embedded message. */
  message<T>(read: () => T): T {
    const size = this.#size();
    const start = this.#advance(size);
    const outerEnd = this.#end;
    this.#at = start;
    this.#end = start + size;
    const value = read();
    this.#at = this.#end;
    this.#end = outerEnd;
    return value;
  }

  skip(): void {
    switch (this.#wireType) {
      case 0:
        this.#varint();
        return;
      case 1:
        this.#advance(8);
        return;
      case 2:
        this.#advance(this.#varint());
        return;
      case 5:
        this.#advance(4);
        return;
      default:
        throw new WireError(
          `a message holds a field of wire type ${this.#wireType}, which nobody writes: the other side speaks another protocol`,
        );
    }
  }

  #size(): number {
    this.#expect(2);
    return this.#varint();
  }

  #expect(wireType: number): void {
    if (this.#wireType === wireType) return;
    throw new WireError(`a message's field has wire type ${this.#wireType} instead of ${wireType}: the other side speaks another protocol`);
  }

  /** @returns where the bytes begin that were stepped over. */
  #advance(size: number): number {
    const at = this.#at;
    if (at + size > this.#end) throw new WireError(`a message ends in the middle of a field: ${at + size - this.#end} bytes are missing`);
    this.#at = at + size;
    return at;
  }

  #varint(): number {
    let value = 0;
    let factor = 1;
    for (let count = 0; count < 10; count += 1) {
      const byte = this.#buffer[this.#advance(1)] ?? 0;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) {
        if (value > Number.MAX_SAFE_INTEGER) throw new WireError(`a message holds the number ${value}, which is too large`);
        return value;
      }
      factor *= 0x80;
    }
    throw new WireError("a message holds a number of more than ten bytes");
  }
}
