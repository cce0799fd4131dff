// The checksums that a client may send with a body, computed while it arrives.

import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";

export const checksumAlgorithms = ["crc32", "crc32c", "crc64nvme", "sha1", "sha256"] as const;
export type ChecksumAlgorithm = (typeof checksumAlgorithms)[number];

/** `value` in base64. */
export type Checksum = { readonly algorithm: ChecksumAlgorithm; readonly value: string };

export type RunningChecksum = { update(bytes: Uint8Array): void; digest(): Buffer };

export function algorithmOf(word: string): ChecksumAlgorithm | undefined {
  return checksumAlgorithms.find((known) => known === word.toLowerCase());
}

/** The name of the element in a document. */
export function checksumElement(algorithm: ChecksumAlgorithm): string {
  return `Checksum${algorithm.toUpperCase()}`;
}

export function startChecksum(algorithm: ChecksumAlgorithm): RunningChecksum {
  switch (algorithm) {
    case "sha1":
    case "sha256":
      return createHash(algorithm);
    case "crc32":
      return new Crc((value, bytes) => crc32(bytes, value));
    case "crc32c":
      return new Crc(crc32c);
    case "crc64nvme":
      return new Crc64();
    default:
      throw new Error(`no checksum ${String(algorithm)}`);
  }
}

class Crc implements RunningChecksum {
  #value = 0;
  readonly #step: (value: number, bytes: Uint8Array) => number;

  constructor(step: (value: number, bytes: Uint8Array) => number) {
    this.#step = step;
  }

  update(bytes: Uint8Array): void {
    this.#value = this.#step(this.#value, bytes);
  }

  digest(): Buffer {
    const digest = Buffer.alloc(4);
    digest.writeUInt32BE(this.#value >>> 0);
    return digest;
  }
}

const castagnoli = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = (value & 1) === 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
  return value;
});

function crc32c(start: number, bytes: Uint8Array): number {
  let value = ~start;
  for (const byte of bytes) value = (value >>> 8) ^ (castagnoli[(value ^ byte) & 0xff] ?? 0);
  return ~value >>> 0;
}

const nvmePolynomial = 0x9a6c9329ac4bc9b5n;
const nvme = BigUint64Array.from({ length: 256 }, (_, byte) => {
  let value = BigInt(byte);
  for (let bit = 0; bit < 8; bit += 1) value = (value & 1n) === 1n ? (value >> 1n) ^ nvmePolynomial : value >> 1n;
  return value;
});

class Crc64 implements RunningChecksum {
  #value = 0xffffffffffffffffn;

  update(bytes: Uint8Array): void {
    for (const byte of bytes) this.#value = (this.#value >> 8n) ^ (nvme[Number((this.#value ^ BigInt(byte)) & 0xffn)] ?? 0n);
  }

  digest(): Buffer {
    const digest = Buffer.alloc(8);
    digest.writeBigUInt64BE(this.#value ^ 0xffffffffffffffffn);
    return digest;
  }
}
