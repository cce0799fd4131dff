// The byte format of kept values: what the writer and the reader of values must agree on.
//
// An encoding is a header of four bytes (`S`, `W`, version, flags) and one value. A value is a tag and what the tag says:
//   integer       zigzag varint, for 32-bit integers only; every other number is a float of 8 bytes, little-endian
//   ascii, utf8, utf16   length in bytes, bytes; the narrowest that holds the string, so that a string has one encoding
//   reference     number of an object met before, counted from 0 in order of first meeting
//   object        count, then key and value each; a key is 0 and a string when new, else its number + 1
//   array         length, then the values; holes or named properties make it a `sparseArray`: length, then like an object
//   error         index into `errorTypes`, count, then for each own property its key, 1 if enumerable, and its value
//   buffer, view  its memory: 0, length, zeros up to a multiple of 8 from the start, bytes; or number + 1 of a memory met before
//
// E1. Equal values that were built alike have equal bytes: nothing depends on how the engine happens to hold them.
// E2. Encoding what was decoded gives the same bytes.
// E3. A format that has been released is never changed, only followed by another version, so that old runs stay readable.

export const headerBytes = 4;
export const magic0 = 0x53;
export const magic1 = 0x57;
export const version = 1;
/** Flag: some memory is shared by several views, so the reader must give each memory a buffer of its own. */
export const sharesMemory = 1;

export const tag = {
  undefined: 0,
  null: 1,
  false: 2,
  true: 3,
  integer: 4,
  float: 5,
  bigint: 6,
  ascii: 7,
  utf8: 8,
  utf16: 9,
  reference: 10,
  object: 11,
  nullObject: 12,
  array: 13,
  sparseArray: 14,
  date: 15,
  regexp: 16,
  map: 17,
  set: 18,
  error: 19,
  boxed: 20,
  buffer: 21,
  view: 22,
  file: 23,
} as const;

export const errorTypes = [
  "Error",
  "TypeError",
  "RangeError",
  "SyntaxError",
  "ReferenceError",
  "EvalError",
  "URIError",
  "AggregateError",
] as const;

export const viewTypes = [
  "Int8Array",
  "Uint8Array",
  "Uint8ClampedArray",
  "Int16Array",
  "Uint16Array",
  "Int32Array",
  "Uint32Array",
  "Float32Array",
  "Float64Array",
  "BigInt64Array",
  "BigUint64Array",
  "DataView",
  "Buffer",
  "Float16Array",
] as const;

export type ViewType = (typeof viewTypes)[number];

/** Object keys beyond these are spelled out each time, which bounds the table of a dictionary with many keys. */
export const keysMax = 4096;
/** Levels of objects within objects. */
export const depthMax = 1000;
/** Memory from this size on is neither copied when written nor, where nothing shares it, when read. Bytes. */
export const bulkBytesMin = 64 * 1024;
