// Reads one value in the format of encoding.ts. Bytes that no writer made are refused, never guessed at.

import { bulkBytesMin, errorTypes, headerBytes, keysMax, magic0, magic1, sharesMemory, tag, version, viewTypes } from "./encoding.ts";
import type { ViewType } from "./encoding.ts";
import type { ArtifactFile, FileIdentity } from "./file.ts";
import { parseSha256 } from "../../proto/ids.ts";

export type OpenFile = (file: FileIdentity) => ArtifactFile;

/** Bytes that are not an encoding this version can read. */
export class EncodingError extends Error {
  override readonly name = "EncodingError";
}

/**
 * A view that is large and alone keeps using `bytes` instead of copying them, so hand over bytes that nobody else writes.
 * @throws EncodingError
 */
export function readValue(bytes: Uint8Array, openFile: OpenFile): unknown {
  if (bytes[0] !== magic0 || bytes[1] !== magic1) throw new EncodingError("these bytes are not a kept value: they don't begin with SW");
  if (bytes[2] !== version) {
    throw new EncodingError(`this value was kept in format ${bytes[2]}, and this Stepwell reads format ${version}; use a newer one`);
  }
  try {
    const reader = new ValueReader(bytes, openFile);
    const value = reader.value();
    reader.expectEnd();
    return value;
  } catch (error) {
    if (error instanceof EncodingError) throw error;
    throw new EncodingError(`these bytes are not a kept value: ${String(error)}`, { cause: error });
  }
}

class ValueReader {
  readonly #bytes: Buffer;
  readonly #openFile: OpenFile;
  readonly #sharesMemory: boolean;
  #at = headerBytes;
  readonly #objects: object[] = [];
  readonly #keys: string[] = [];
  readonly #memories: ArrayBuffer[] = [];

  constructor(bytes: Uint8Array, openFile: OpenFile) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#openFile = openFile;
    this.#sharesMemory = bytes[3] === sharesMemory;
  }

  expectEnd(): void {
    if (this.#at !== this.#bytes.length) throw new EncodingError(`this value ends at byte ${this.#at} of ${this.#bytes.length}`);
  }

  value(): unknown {
    const kind = this.#byte();
    switch (kind) {
      case tag.undefined:
        return undefined;
      case tag.null:
        return null;
      case tag.false:
        return false;
      case tag.true:
        return true;
      case tag.integer: {
        const zigzag = this.#varint();
        return (zigzag >>> 1) ^ -(zigzag & 1);
      }
      case tag.float:
        return this.#float();
      case tag.bigint:
        return this.#bigint();
      case tag.ascii:
      case tag.utf8:
      case tag.utf16:
        return this.#text(kind);
      case tag.reference:
        return this.#reference();
      default:
        return this.#object(kind);
    }
  }

  #object(kind: number): unknown {
    switch (kind) {
      case tag.object:
        return this.#entries(this.#meet({}));
      case tag.nullObject:
        return this.#entries(this.#meet(Object.create(null)));
      case tag.array:
        return this.#array();
      case tag.sparseArray: {
        const array = this.#meet<unknown[]>([]);
        array.length = this.#varint();
        return this.#entries(array);
      }
      case tag.date:
        return this.#meet(new Date(this.#float()));
      case tag.regexp:
        return this.#meet(new RegExp(this.#string(), this.#string()));
      case tag.map:
        return this.#map();
      case tag.set:
        return this.#set();
      case tag.error:
        return this.#error();
      case tag.boxed:
        return this.#meet(Object(this.value()) as object);
      case tag.buffer:
        return this.#meet(this.#memory());
      case tag.view:
        return this.#view();
      case tag.file: {
        const name = this.#string();
        const size = this.#float();
        return this.#meet(this.#openFile({ name, size, sha256: parseSha256(this.#string()) }));
      }
      default:
        throw new EncodingError(`this value has the unknown tag ${kind} at byte ${this.#at - 1}`);
    }
  }

  #meet<Met extends object>(object: Met): Met {
    this.#objects.push(object);
    return object;
  }

  #reference(): object {
    return this.#objects[this.#varint()] ?? this.#broken();
  }

  #array(): unknown[] {
    const count = this.#count();
    const array = this.#meet<unknown[]>([]);
    for (let index = 0; index < count; index += 1) array.push(this.value());
    return array;
  }

  #entries<Filled extends object>(object: Filled): Filled {
    // An ordinary assignment: several times as fast as Reflect.set.
    const record = object as Record<string, unknown>;
    for (let count = this.#count(); count > 0; count -= 1) {
      const key = this.#key();
      if (key === "__proto__") define(object, key, { value: this.value(), enumerable: true });
      else record[key] = this.value();
    }
    return object;
  }

  #key(): string {
    const known = this.#varint();
    if (known > 0) return this.#keys[known - 1] ?? this.#broken();
    const key = this.#string();
    if (this.#keys.length < keysMax) this.#keys.push(key);
    return key;
  }

  #map(): Map<unknown, unknown> {
    const map = this.#meet(new Map<unknown, unknown>());
    for (let count = this.#count(); count > 0; count -= 1) {
      const key = this.value();
      map.set(key, this.value());
    }
    return map;
  }

  #set(): Set<unknown> {
    const set = this.#meet(new Set<unknown>());
    for (let count = this.#count(); count > 0; count -= 1) set.add(this.value());
    return set;
  }

  #error(): Error {
    const error = this.#meet(makeError(errorTypes[this.#byte()] ?? this.#broken()));
    for (let count = this.#count(); count > 0; count -= 1) {
      const key = this.#key();
      const enumerable = this.#byte() === 1;
      define(error, key, { value: this.value(), enumerable });
    }
    return error;
  }

  #view(): ArrayBufferView {
    const type = viewTypes[this.#byte()] ?? this.#broken();
    const start = this.#at;
    const known = this.#varint();
    if (known === 0 && !this.#sharesMemory) {
      const length = this.#memoryLength();
      const offset = this.#bytes.byteOffset + this.#at;
      if (length >= bulkBytesMin && offset % 8 === 0) {
        this.#at += length;
        return this.#meet(makeView(type, this.#bytes.buffer, { offset, length }));
      }
    }
    this.#at = start;
    const memory = this.#memory();
    return this.#meet(makeView(type, memory, { offset: 0, length: memory.byteLength }));
  }

  #memory(): ArrayBuffer {
    const known = this.#varint();
    if (known > 0) return this.#memories[known - 1] ?? this.#broken();
    const length = this.#memoryLength();
    const memory = new ArrayBuffer(length);
    new Uint8Array(memory).set(this.#bytes.subarray(this.#at, this.#at + length));
    this.#at += length;
    this.#memories.push(memory);
    return memory;
  }

  #memoryLength(): number {
    const length = this.#varint();
    this.#at += -this.#at & 7;
    this.#expect(length);
    return length;
  }

  #bigint(): bigint {
    const negative = this.#byte() === 1;
    const magnitude = BigInt(`0x${this.#string()}`);
    return negative ? -magnitude : magnitude;
  }

  #string(): string {
    const kind = this.#byte();
    return kind === tag.ascii || kind === tag.utf8 || kind === tag.utf16 ? this.#text(kind) : this.#broken();
  }

  #text(kind: typeof tag.ascii | typeof tag.utf8 | typeof tag.utf16): string {
    const length = this.#varint();
    this.#expect(length);
    const start = this.#at;
    this.#at += length;
    return this.#bytes.toString(kind === tag.ascii ? "latin1" : kind === tag.utf8 ? "utf8" : "utf16le", start, this.#at);
  }

  #float(): number {
    this.#expect(8);
    this.#at += 8;
    return this.#bytes.readDoubleLE(this.#at - 8);
  }

  /** A number of things to come, each of which takes a byte at least. */
  #count(): number {
    const count = this.#varint();
    this.#expect(count);
    return count;
  }

  #varint(): number {
    let value = 0;
    for (let scale = 1; scale <= 2 ** 49; scale *= 0x80) {
      const byte = this.#byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
    return this.#broken();
  }

  #byte(): number {
    return this.#bytes[this.#at++] ?? this.#broken();
  }

  #expect(length: number): void {
    if (this.#at + length > this.#bytes.length) this.#broken();
  }

  #broken(): never {
    throw new EncodingError(`this value is broken at byte ${this.#at} of ${this.#bytes.length}`);
  }
}

function define(object: object, key: string, property: { readonly value: unknown; readonly enumerable: boolean }): void {
  Object.defineProperty(object, key, { ...property, writable: true, configurable: true });
}

function makeError(type: (typeof errorTypes)[number]): Error {
  const limit = Error.stackTraceLimit;
  // A stack of the reader says nothing about the error and costs most of its making.
  Error.stackTraceLimit = 0;
  const make: unknown = Reflect.get(globalThis, type);
  const error = type === "AggregateError" ? new AggregateError([]) : new (make as ErrorConstructor)();
  Error.stackTraceLimit = limit;
  // What the error has is written out; anything else would be the reader's.
  for (const key of Object.getOwnPropertyNames(error)) Reflect.deleteProperty(error, key);
  return error;
}

type MakeView = { new (buffer: ArrayBufferLike, offset: number, count: number): ArrayBufferView; readonly BYTES_PER_ELEMENT?: number };

function makeView(type: ViewType, buffer: ArrayBufferLike, place: { readonly offset: number; readonly length: number }): ArrayBufferView {
  if (type === "Buffer") return Buffer.from(buffer as ArrayBuffer, place.offset, place.length);
  const make = Reflect.get(globalThis, type) as MakeView | undefined;
  if (make === undefined) throw new EncodingError(`this value holds a ${type}, which this version of Node doesn't have; use Node 24`);
  return new make(buffer, place.offset, place.length / (make.BYTES_PER_ELEMENT ?? 1));
}
