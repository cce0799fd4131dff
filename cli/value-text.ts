// An artifact's value for people and for programs.

import { inspect } from "node:util";
import type { ArtifactFile } from "../sdk/artifact/file.ts";

/** As `console.log` shows it, in full. */
export function valueText(value: unknown, color: boolean): string {
  if (typeof value === "string") return value;
  if (isFile(value)) return `file ${value.name} (${value.size} bytes, sha256 ${value.sha256})`;
  return inspect(withoutStacks(value, new Set()), { colors: color, depth: 8, maxArrayLength: 200, maxStringLength: 20_000, compact: 3 });
}

/** Where a kept error was thrown is told in lines of the bundle, which nobody has seen: what it says is enough. */
function withoutStacks(value: unknown, seen: Set<unknown>): unknown {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value) || seen.has(value)) return value;
  seen.add(value);
  if (value instanceof Error) value.stack = `${value.name}: ${value.message}`;
  const inside = value instanceof Map ? [...value.keys(), ...value.values()] : value instanceof Set ? [...value] : Object.values(value);
  for (const item of inside) withoutStacks(item, seen);
  if (value instanceof Error) withoutStacks(value.cause, seen);
  return value;
}

/** JSON has no maps, sets, dates, big integers or bytes: each becomes the nearest that it has. */
export function valueJson(value: unknown): string {
  return JSON.stringify(plain(value, [])) ?? "null";
}

export function isFile(value: unknown): value is ArtifactFile {
  return typeof value === "object" && value !== null && "sha256" in value && "stream" in value && typeof value.stream === "function";
}

function plain(value: unknown, around: readonly object[]): unknown {
  if (typeof value === "bigint") return value.toString();
  if (typeof value === "number" && !Number.isFinite(value)) return String(value);
  if (typeof value !== "object" || value === null) return value;
  if (around.includes(value)) return "[circular]";
  const inside = [...around, value];
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (value instanceof RegExp) return String(value);
  if (value instanceof Map) return mapPlain(value, inside);
  if (value instanceof Set) return [...value].map((item) => plain(item, inside));
  if (value instanceof Error) return { name: value.name, message: value.message };
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64");
  if (value instanceof ArrayBuffer) return Buffer.from(value).toString("base64");
  if (ArrayBuffer.isView(value)) return plain([...(value as unknown as Iterable<unknown>)], inside);
  if (isFile(value)) return { file: value.name, sizeBytes: value.size, sha256: value.sha256 };
  if (Array.isArray(value)) return value.map((item) => plain(item, inside));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item, inside)]));
}

/** An object where all keys are texts, else pairs. */
function mapPlain(map: ReadonlyMap<unknown, unknown>, inside: readonly object[]): unknown {
  const entries = [...map].map(([key, item]) => [key, plain(item, inside)] as const);
  if (entries.every(([key]) => typeof key === "string")) return Object.fromEntries(entries);
  return entries.map(([key, item]) => [plain(key, inside), item]);
}
