// From what a step threw to the failure that is recorded.

import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { inspect } from "node:util";
import { type Failure, failureRules, type SourcePlace } from "../../proto/failure.ts";
import { ArtifactStoreError } from "../artifact/store.ts";
import { RefusedArtifactError } from "../artifact/refused.ts";
import { TransitionError } from "../flow/transition.ts";

/** Finds the author's frames in a stack; given by whoever knows where the code came from. */
export type Locate = (stack: string) => { readonly stack: string; readonly place: SourcePlace | null };

export function failureOf(thrown: unknown, locate: Locate = authorsFrames): Failure {
  if (thrown instanceof TransitionError) return { kind: "badTransition", message: thrown.message };
  if (thrown instanceof RefusedArtifactError) {
    return { kind: "refusedArtifact", artifact: thrown.artifact, path: thrown.path, message: thrown.message };
  }
  const trouble = storeTroubleIn(thrown);
  if (trouble !== null) return { kind: "store", message: trouble };
  if (!isError(thrown)) {
    const message = `the step threw ${inspect(thrown, { depth: 2, breakLength: Number.POSITIVE_INFINITY })}, which is no Error`;
    return { kind: "userError", name: "Error", message, stack: `Error: ${message}`, place: null };
  }
  const { stack, place } = locate(typeof thrown.stack === "string" ? thrown.stack : String(thrown));
  const { name, message } = textsOf(thrown);
  return { kind: "userError", name, message, stack: stack + causesOf(thrown, locate), place };
}

/** The reason of an abort signal: a failure where the one who aborted gave one. */
export function failureOfAbort(reason: unknown): Failure {
  if (typeof reason === "object" && reason !== null && "kind" in reason && Object.hasOwn(failureRules, String(reason.kind))) {
    return reason as Failure;
  }
  return { kind: "cancelled", by: reason instanceof Error ? reason.message : "abort signal" };
}

/**
 * Whoever reads an artifact wraps what the store has said. What is missing or wrong is so for every attempt; a way that is closed,
 * or a disk that is full or read-only, may be another one elsewhere or later.
 */
function storeTroubleIn(thrown: unknown): string | null {
  const said = thrown instanceof Error && thrown.cause instanceof ArtifactStoreError ? thrown.cause : thrown;
  if (!(said instanceof ArtifactStoreError) || said.problem === "missing" || said.problem === "corrupt") return null;
  return thrown instanceof Error ? thrown.message : said.message;
}

// Errors of another context (the flow's code may run in one) are no instances of this one's Error.
function isError(value: unknown): value is Error {
  return value instanceof Error || Object.prototype.toString.call(value) === "[object Error]";
}

/** Authors put other things than texts there. */
function textsOf(error: { readonly name: unknown; readonly message: unknown }): { readonly name: string; readonly message: string } {
  return { name: String(error.name), message: String(error.message) };
}

const causesMax = 5;

function causesOf(error: Error, locate: Locate): string {
  let text = "";
  let cause = error.cause;
  for (let depth = 0; depth < causesMax && cause !== undefined && cause !== null; depth++) {
    text += `\ncaused by ${isError(cause) ? locate(cause.stack ?? String(cause)).stack : inspect(cause, { depth: 1 })}`;
    cause = isError(cause) ? cause.cause : undefined;
  }
  return text;
}

const ownFolder = dirname(dirname(fileURLToPath(import.meta.url)));

/** Without a code package to ask: the author's frames are those between this library's call into them and their calls into it. */
function authorsFrames(stack: string): ReturnType<Locate> {
  const lines = stack.split("\n");
  const firstFrame = lines.findIndex((line) => isFrame(line));
  const head = firstFrame === -1 ? lines : lines.slice(0, firstFrame);
  const frames = firstFrame === -1 ? [] : lines.slice(firstFrame).filter((line) => !line.includes("node:"));
  const from = frames.findIndex((line) => !line.includes(ownFolder));
  const theirs = from === -1 ? [] : frames.slice(from);
  const to = theirs.findIndex((line) => line.includes(ownFolder));
  const kept = to === -1 ? theirs : theirs.slice(0, to);
  return { stack: [...head, ...kept].join("\n"), place: kept.map(placeOf).find((place) => place !== null) ?? null };
}

function isFrame(line: string): boolean {
  return /^\s+at /.test(line);
}

function placeOf(frame: string): SourcePlace | null {
  const [, file, line, column] = frame.match(/\(?(?:file:\/\/)?([^()\s]+):(\d+):(\d+)\)?$/) ?? [];
  return file === undefined ? null : { file, line: Number(line), column: Number(column) };
}

/**
 * What a TypeError about `undefined` leaves out: which artifacts that the step reads were never set. Null where the
 * error is of another kind.
 */
export function hintAtUnset(thrown: unknown, source: string, flow: object): string | null {
  if (!isError(thrown) || thrown.name !== "TypeError" || !/undefined|not iterable/.test(thrown.message)) return null;
  const names = new Set(
    [...source.matchAll(/\bthis\.([\p{ID_Start}_$][\p{ID_Continue}$]*)\b(?!\s*=[^=])/gu)].map(([, name]) => name ?? ""),
  );
  const unset = [...names].filter((name) => !(name in flow)).map((name) => `this.${name}`);
  return unset.length === 0 ? null : `${unset.join(", ")} ${unset.length === 1 ? "is" : "are"} not set: no step before this one has set it`;
}
