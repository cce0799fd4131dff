// Writes protobuf's wire format into one growing buffer. Only what proto/*.proto uses. It is written by hand because
// loading a library that reads .proto files at run time costs every command about 50 ms; a test holds it against one.

const initialBytes = 1024;

export class ProtoWriter {
  #buffer = Buffer.allocUnsafe(initialBytes);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Everything written so far; the writer starts again from nothing. */
  take(): Buffer {
    const bytes = this.#buffer.subarray(0, this.#length);
    this.#buffer = Buffer.allocUnsafe(initialBytes);
    this.#length = 0;
    return bytes;
  }

  /** Zero is not written, as proto3 wants. Up to 2^53. */
  number(field: number, value: number): void {
    if (value === 0) return;
    this.#reserve(20);
    this.#varint(field << 3);
    this.#varint(value);
  }

  flag(field: number, value: boolean): void {
    if (value) this.number(field, 1);
  }

  double(field: number, value: number): void {
    if (value === 0) return;
    this.#reserve(18);
    this.#varint((field << 3) | 1);
    this.#length = this.#buffer.writeDoubleLE(value, this.#length);
  }

  text(field: number, value: string): void {
    if (value === "") return;
    // At most three bytes of UTF-8 for one UTF-16 unit.
    const bound = value.length * 3;
    this.#reserve(bound + 20);
    this.#varint((field << 3) | 2);
    if (bound < 128) {
      const written = this.#buffer.write(value, this.#length + 1);
      this.#buffer[this.#length] = written;
      this.#length += written + 1;
      return;
    }
    this.#varint(Buffer.byteLength(value));
    this.#length += this.#buffer.write(value, this.#length);
  }

  bytes(field: number, value: Uint8Array): void {
    if (value.length === 0) return;
    this.#reserve(value.length + 20);
    this.#varint((field << 3) | 2);
    this.#varint(value.length);
    this.#buffer.set(value, this.#length);
    this.#length += value.length;
  }

  /** A message of its own as a field: written even where it is empty, since its presence is what it says. */
  message(field: number, write: () => void): void {
    this.#reserve(20);
    this.#varint((field << 3) | 2);
    const at = this.#length;
    this.#length += 1;
    write();
    const size = this.#length - at - 1;
    if (size < 128) {
      this.#buffer[at] = size;
      return;
    }
    // Its length takes more than the one byte that was left for it.
    const more = varintBytes(size) - 1;
    this.#reserve(more);
    this.#buffer.copyWithin(at + 1 + more, at + 1, this.#length);
    this.#length = at;
    this.#varint(size);
    this.#length += size;
  }

  #varint(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      this.#buffer[this.#length++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#buffer[this.#length++] = rest;
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2));
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
  }
}

function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes += 1;
  return bytes;
}
