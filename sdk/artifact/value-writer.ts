// Writes one value in the format of encoding.ts, or says where inside it something stands that cannot be kept.
//
// W1. A value is walked once, in one order, so that objects are numbered as the reader will number them.
// W2. At any moment the trail leads from the value to the place that is being written.

import { inspect, types } from "node:util";
import type { Sha256 } from "../../proto/ids.ts";
import { ByteWriter } from "./byte-writer.ts";
import { depthMax, errorTypes, keysMax, magic0, magic1, sharesMemory, tag, version, viewTypes } from "./encoding.ts";
import { asFile } from "./file.ts";
import type { LocalFile } from "./file.ts";
import { RefusedArtifactError } from "./refused.ts";

const manyElements = 100;
/** Of a path that an error tells. */
const pathCharactersMax = 160;

/** A step from a value to one inside it: an index, a property, or how to say it. */
type Segment = number | string | { readonly text: string };

export type Encoding = {
  readonly chunks: Uint8Array[];
  /** Files that must be stored before the encoding is of use: it then has to be made again. */
  readonly unstored: readonly LocalFile[];
  /** The blobs of the stored files in the value, each once. */
  readonly blobs: readonly Sha256[];
};

/** What errors call the value: an artifact, or the place of one inside an artifact. */
export type Place = { readonly artifact: string; readonly path: string };

/** @throws RefusedArtifactError */
export function writeValue(value: unknown, place: Place): Encoding {
  const writer = new ValueWriter(place);
  try {
    writer.value(value);
  } catch (error) {
    if (error instanceof RefusedArtifactError) throw error;
    // A getter or a proxy of the author's.
    throw writer.refusal(`reading it threw ${String(error)}`, error);
  }
  return writer.finish();
}

class ValueWriter {
  readonly #out = new ByteWriter();
  readonly #place: Place;
  readonly #trail: Segment[] = [];
  #depth = 0;
  #objects: Map<object, number> | undefined;
  #keys: Map<string, number> | undefined;
  #memories: Map<ArrayBufferLike, { readonly offset: number; readonly length: number; readonly id: number }[]> | undefined;
  #memoriesCount = 0;
  #sharesMemory = false;
  readonly #unstored: LocalFile[] = [];
  readonly #blobs = new Set<Sha256>();

  constructor(place: Place) {
    this.#place = place;
    for (const byte of [magic0, magic1, version, 0]) this.#out.byte(byte);
  }

  finish(): Encoding {
    const chunks = this.#out.finish();
    const first = chunks[0];
    if (this.#sharesMemory && first !== undefined) first[3] = sharesMemory;
    return { chunks, unstored: this.#unstored, blobs: [...this.#blobs] };
  }

  refusal(message: string, cause?: unknown): RefusedArtifactError {
    const path = shorten(this.#place.path + this.#trail.slice(0, this.#depth).map(spell).join(""));
    return new RefusedArtifactError({ artifact: this.#place.artifact, path }, message, cause === undefined ? undefined : { cause });
  }

  value(value: unknown): void {
    switch (typeof value) {
      case "string":
        return this.#out.string(value);
      case "number":
        return this.#number(value);
      case "boolean":
        return this.#out.byte(value ? tag.true : tag.false);
      case "undefined":
        return this.#out.byte(tag.undefined);
      case "bigint":
        return this.#bigint(value);
      case "object":
        return value === null ? this.#out.byte(tag.null) : this.#met(value);
      case "function":
        throw this.refusal(`it is ${nameFunction(value)}; keep the data that it works on, or its name`);
      case "symbol":
        throw this.refusal("it is a symbol; keep a string");
      default:
        throw this.refusal(`it is a ${typeof value}`);
    }
  }

  #number(value: number): void {
    if ((value | 0) !== value || Object.is(value, -0)) {
      this.#out.byte(tag.float);
      this.#out.float(value);
      return;
    }
    this.#out.byte(tag.integer);
    this.#out.varint(((value << 1) ^ (value >> 31)) >>> 0);
  }

  #bigint(value: bigint): void {
    const digits = (value < 0n ? -value : value).toString(16);
    this.#out.byte(tag.bigint);
    this.#out.byte(value < 0n ? 1 : 0);
    this.#out.string(digits);
  }

  #met(value: object): void {
    this.#objects ??= new Map();
    const known = this.#objects.get(value);
    if (known !== undefined) {
      this.#out.byte(tag.reference);
      this.#out.varint(known);
      return;
    }
    this.#objects.set(value, this.#objects.size);
    if (this.#depth === depthMax) throw this.refusal(`objects are nested more than ${depthMax} deep; keep a flat list`);
    this.#depth += 1;
    this.#object(value);
    this.#depth -= 1;
  }

  #object(value: object): void {
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype === Object.prototype) return this.#properties(tag.object, value, Object.keys(value));
    if (Array.isArray(value)) return this.#array(value);
    if (prototype === null) return this.#properties(tag.nullObject, value, Object.keys(value));
    // A plain object of another realm, such as a vm context.
    if (isRootPrototype(prototype)) return this.#properties(tag.object, value, Object.keys(value));
    this.#exotic(value);
  }

  #array(value: readonly unknown[]): void {
    if (Object.getPrototypeOf(value) !== Array.prototype) this.#plainOnly(value, "Array");
    const dense = isDense(value);
    this.#out.byte(dense ? tag.array : tag.sparseArray);
    this.#out.varint(value.length);
    if (!dense) return this.#entries(value, Object.keys(value));
    for (let index = 0; index < value.length; index += 1) {
      this.#trail[this.#depth - 1] = index;
      this.value(value[index]);
    }
  }

  #properties(kind: typeof tag.object | typeof tag.nullObject, value: object, keys: readonly string[]): void {
    this.#out.byte(kind);
    this.#entries(value, keys);
  }

  #entries(value: object, keys: readonly string[]): void {
    // An ordinary access: several times as fast as Reflect.get.
    const record = value as Readonly<Record<string, unknown>>;
    this.#out.varint(keys.length);
    for (const key of keys) {
      this.#trail[this.#depth - 1] = key;
      this.#key(key);
      this.value(record[key]);
    }
  }

  #key(key: string): void {
    this.#keys ??= new Map();
    const known = this.#keys.get(key);
    if (known !== undefined) return this.#out.varint(known + 1);
    this.#out.varint(0);
    this.#out.string(key);
    if (this.#keys.size < keysMax) this.#keys.set(key, this.#keys.size);
  }

  #exotic(value: object): void {
    if (ArrayBuffer.isView(value)) return this.#view(value);
    if (types.isAnyArrayBuffer(value)) return this.#buffer(value);
    if (types.isDate(value)) {
      this.#plainOnly(value, "Date");
      this.#out.byte(tag.date);
      return this.#out.float(value.getTime());
    }
    if (types.isMap(value)) return this.#map(value);
    if (types.isSet(value)) return this.#set(value);
    if (types.isNativeError(value) || value instanceof Error) return this.#error(value);
    if (types.isRegExp(value)) {
      this.#plainOnly(value, "RegExp");
      this.#out.byte(tag.regexp);
      this.#out.string(value.source);
      return this.#out.string(value.flags);
    }
    if (types.isBoxedPrimitive(value)) {
      this.#out.byte(tag.boxed);
      return this.value(value.valueOf());
    }
    const file = asFile(value);
    if (file === undefined) throw this.refusal(describeForeign(value));
    this.#out.byte(tag.file);
    this.#out.string(file.name);
    if (file.stored) this.#blobs.add(file.sha256);
    else this.#unstored.push(file.local);
    this.#out.float(file.stored ? file.size : 0);
    this.#out.string(file.stored ? file.sha256 : "");
  }

  #map(value: ReadonlyMap<unknown, unknown>): void {
    this.#plainOnly(value, "Map");
    this.#out.byte(tag.map);
    this.#out.varint(value.size);
    let index = 0;
    for (const [key, entry] of value) {
      this.#trail[this.#depth - 1] = { text: `.keys()[${index}]` };
      this.value(key);
      this.#trail[this.#depth - 1] = typeof key === "object" ? { text: `.values()[${index}]` } : { text: `.get(${quote(key)})` };
      this.value(entry);
      index += 1;
    }
  }

  #set(value: ReadonlySet<unknown>): void {
    this.#plainOnly(value, "Set");
    this.#out.byte(tag.set);
    this.#out.varint(value.size);
    let index = 0;
    for (const entry of value) {
      this.#trail[this.#depth - 1] = { text: `.values()[${index}]` };
      this.value(entry);
      index += 1;
    }
  }

  /** Comes back as the nearest built-in type, with its own properties; what a subclass inherits is made its own. */
  #error(value: Error): void {
    const type = nearestErrorType(value);
    const own = Object.getOwnPropertyNames(value);
    const inherited = ["name", "message", "stack"].filter((key) => !own.includes(key) && isWorthKeeping(value, key, type));
    this.#out.byte(tag.error);
    this.#out.byte(errorTypes.indexOf(type));
    this.#out.varint(own.length + inherited.length);
    for (const key of [...own, ...inherited]) {
      this.#trail[this.#depth - 1] = key;
      this.#key(key);
      this.#out.byte(Object.prototype.propertyIsEnumerable.call(value, key) ? 1 : 0);
      this.value(Reflect.get(value, key));
    }
  }

  #buffer(value: ArrayBufferLike): void {
    if (types.isSharedArrayBuffer(value)) throw this.refusal("it is a SharedArrayBuffer; keep a copy: new Uint8Array(shared).slice()");
    this.#plainOnly(value, "ArrayBuffer");
    this.#out.byte(tag.buffer);
    this.#memory(value, 0, value.byteLength);
  }

  #view(value: ArrayBufferView): void {
    const name = Buffer.isBuffer(value) ? "Buffer" : types.isTypedArray(value) ? value[Symbol.toStringTag] : "DataView";
    const type = viewTypes.findIndex((each) => each === name);
    if (type === -1) throw this.refusal(describeForeign(value));
    this.#plainOnly(value, name);
    this.#out.byte(tag.view);
    this.#out.byte(type);
    this.#memory(value.buffer, value.byteOffset, value.byteLength);
  }

  /** Only what is seen of a buffer is kept: the rest may be a pool's, and somebody else's. */
  #memory(buffer: ArrayBufferLike, offset: number, length: number): void {
    if ("detached" in buffer && buffer.detached) throw this.refusal("its memory was transferred away; keep it before the transfer");
    this.#memories ??= new Map();
    const ranges = this.#memories.get(buffer) ?? [];
    const known = ranges.find((range) => range.offset === offset && range.length === length);
    if (known !== undefined) {
      this.#sharesMemory = true;
      return this.#out.varint(known.id + 1);
    }
    ranges.push({ offset, length, id: this.#memoriesCount });
    this.#memoriesCount += 1;
    this.#memories.set(buffer, ranges);
    this.#out.varint(0);
    const bytes = new Uint8Array(buffer, offset, length);
    this.#out.memory(types.isSharedArrayBuffer(buffer) ? bytes.slice() : bytes);
  }

  /** A subclass would come back as its base class. */
  #plainOnly(value: object, name: string): void {
    const prototype: unknown = Object.getPrototypeOf(value);
    const className = classNameOf(prototype);
    if (className !== name) throw this.refusal(describeForeign(value));
  }
}

/** No holes, and no properties beside the elements. */
function isDense(array: readonly unknown[]): boolean {
  if (array.length > manyElements) {
    // Listing the keys would cost more than writing the elements; `inspect` lists the named ones without the indexes.
    const shown = inspect(array, { maxArrayLength: 0, customInspect: false, depth: 0, breakLength: Number.POSITIVE_INFINITY });
    if (shown === `[ ... ${array.length} more items ]`) return hasEveryIndex(array);
  }
  const keys = Object.keys(array);
  // Index keys come first and ascending: if the last of as many keys is the last index, all are there and no others.
  return keys.length === array.length && (keys.length === 0 || keys.at(-1) === String(array.length - 1));
}

function hasEveryIndex(array: readonly unknown[]): boolean {
  for (let index = 0; index < array.length; index += 1) {
    if (array[index] === undefined && !Object.hasOwn(array, index)) return false;
  }
  return true;
}

/** Where a path begins and where it ends say more than its middle. */
function shorten(path: string): string {
  const half = pathCharactersMax / 2;
  return path.length <= pathCharactersMax ? path : `${path.slice(0, half)} … ${path.slice(-half)}`;
}

function spell(segment: Segment): string {
  if (typeof segment === "number") return `[${segment}]`;
  if (typeof segment === "object") return segment.text;
  return /^[A-Za-z_$][\w$]*$/.test(segment) ? `.${segment}` : `[${JSON.stringify(segment)}]`;
}

function quote(key: unknown): string {
  return typeof key === "string" ? JSON.stringify(key) : String(key);
}

function nameFunction(value: unknown): string {
  const name: unknown = typeof value === "function" ? value.name : "";
  return typeof name === "string" && name !== "" ? `the function ${name}` : "a function";
}

function isRootPrototype(prototype: unknown): boolean {
  return typeof prototype === "object" && Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype as object, "isPrototypeOf");
}

function classNameOf(prototype: unknown): string {
  if (typeof prototype !== "object" || prototype === null || !Object.hasOwn(prototype, "constructor")) return "";
  const made: unknown = Reflect.get(prototype, "constructor");
  return typeof made === "function" ? made.name : "";
}

function describeForeign(value: object): string {
  if (types.isPromise(value)) return "it is a Promise; await it and keep its value";
  const name = classNameOf(Object.getPrototypeOf(value));
  if (name === "") return "its prototype is an object of the program; keep a plain object: { ...value }";
  return `it is an instance of the class ${name}; keep plain data instead: the fields that matter, in { }`;
}

function nearestErrorType(value: Error): (typeof errorTypes)[number] {
  for (let at: unknown = Object.getPrototypeOf(value); at !== null && at !== undefined; at = Object.getPrototypeOf(at)) {
    const name = classNameOf(at);
    const type = errorTypes.find((each) => each === name);
    if (type !== undefined) return type;
  }
  return "Error";
}

function isWorthKeeping(value: Error, key: string, type: string): boolean {
  const inherited: unknown = Reflect.get(value, key);
  return typeof inherited === "string" && inherited !== (key === "name" ? type : "");
}
