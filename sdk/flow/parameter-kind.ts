// What each kind of parameter accepts: from text (command line, environment) and as a value (code, JSON, defaults).

import type { ParameterKind } from "../../proto/graph.ts";
import { unreachable } from "../../proto/unreachable.ts";

export type Converted = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly message: string };

/** A file's text is its path; reading it is the caller's work. */
export function fromText(kind: ParameterKind, text: string): Converted {
  switch (kind) {
    case "string":
    case "file":
      return { ok: true, value: text };
    case "number":
    case "integer":
      return numberFrom(kind, text);
    case "boolean":
      return booleanFrom(text);
    case "json":
      return jsonFrom(text);
    default:
      return unreachable(kind);
  }
}

/** Why `value` is none of this kind; null where it is one. */
export function objectionToValue(kind: ParameterKind, value: unknown): string | null {
  switch (kind) {
    case "string":
      return typeof value === "string" ? null : `expected a text, got ${show(value)}`;
    case "number":
      return typeof value === "number" && !Number.isNaN(value) ? null : `expected a number, got ${show(value)}`;
    case "integer":
      return Number.isSafeInteger(value) ? null : `expected a whole number, got ${show(value)}`;
    case "boolean":
      return typeof value === "boolean" ? null : `expected true or false, got ${show(value)}`;
    case "json":
      return objectionToJson(value, "");
    case "file":
      return typeof value === "string" || value instanceof Uint8Array ? null : `expected the content of a file, got ${show(value)}`;
    default:
      return unreachable(kind);
  }
}

/** For messages: short, and on one line. */
export function show(value: unknown): string {
  const text = value === undefined || typeof value === "number" ? String(value) : (safeJson(value) ?? `a ${typeof value}`);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

/** Also tells a cycle (null). */
export function safeJson(value: unknown): string | null {
  try {
    return JSON.stringify(value) ?? null;
  } catch {
    return null;
  }
}

function numberFrom(kind: "number" | "integer", text: string): Converted {
  const value = /^\s*$/.test(text) ? Number.NaN : Number(text);
  if (Number.isNaN(value)) return { ok: false, message: `expected ${kind === "integer" ? "a whole number" : "a number"}, got "${text}"` };
  const objection = objectionToValue(kind, value);
  if (objection === null) return { ok: true, value };
  const range = Number.isInteger(value) ? ` from ${Number.MIN_SAFE_INTEGER} to ${Number.MAX_SAFE_INTEGER}` : "";
  return { ok: false, message: `expected a whole number${range}, got "${text}"` };
}

function booleanFrom(text: string): Converted {
  const lower = text.toLowerCase();
  if (["true", "yes", "on", "1"].includes(lower)) return { ok: true, value: true };
  if (["false", "no", "off", "0"].includes(lower)) return { ok: true, value: false };
  return { ok: false, message: `expected true or false, got "${text}"` };
}

function jsonFrom(text: string): Converted {
  try {
    return { ok: true, value: JSON.parse(text) };
  } catch (error) {
    return { ok: false, message: `expected JSON, got ${show(text)}: ${error instanceof Error ? error.message : String(error)}` };
  }
}

function objectionToJson(value: unknown, path: string, seen: ReadonlySet<object> = new Set()): string | null {
  if (value === null || typeof value === "string" || typeof value === "boolean") return null;
  if (typeof value === "number") return Number.isFinite(value) ? null : `expected JSON, but${place(path)} is ${value}`;
  if (typeof value !== "object") return `expected JSON, but${place(path)} is ${typeof value}`;
  if (seen.has(value)) return `expected JSON, but${place(path)} contains itself`;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (!Array.isArray(value) && prototype !== null && Object.getPrototypeOf(prototype) !== null) {
    return `expected JSON, but${place(path)} is a ${value.constructor.name}`;
  }
  const inside = new Set([...seen, value]);
  for (const [key, part] of Object.entries(value)) {
    const objection = objectionToJson(part, Array.isArray(value) ? `${path}[${key}]` : `${path}.${key}`, inside);
    if (objection !== null) return objection;
  }
  return null;
}

function place(path: string): string {
  return path === "" ? " it" : ` its ${path}`;
}
