// The values of secret parameters as texts that must not be shown, and what hides them in what a step prints or throws.

import { inspect } from "node:util";
import type { Failure } from "../../proto/failure.ts";

/** Shorter texts are not hidden: they stand in too much that is no secret. Characters. */
const secretCharactersMin = 4;
const hidden = "****";

/** Every line of every text in the values, as it is and as it is often written, the longest first, so that none is hidden in part. */
export function secretTexts(values: readonly unknown[]): readonly string[] {
  const texts = new Set<string>();
  for (const value of values) {
    for (const text of textsIn(value)) {
      for (const line of text.split(/\r?\n/)) {
        if (line.length >= secretCharactersMin) for (const writing of writings(line)) texts.add(writing);
      }
      if (text.length >= secretCharactersMin) texts.add(Buffer.from(text).toString("base64"));
    }
  }
  return [...texts].toSorted((a, b) => b.length - a.length);
}

/** As it is, in JSON, as the console shows it inside of something else, and in a URL. */
function writings(line: string): readonly string[] {
  return [line, JSON.stringify(line).slice(1, -1), inspect(line).slice(1, -1), encodeURIComponent(line.toWellFormed())];
}

/** The values of parameters: texts, numbers, the bytes of a file, and JSON of these. */
function textsIn(value: unknown): readonly string[] {
  if (typeof value === "string") return [value];
  if (typeof value === "number") return [String(value)];
  if (value instanceof Uint8Array) return [Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("utf8")];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(textsIn) : [];
}

export function hideSecrets(text: string, secrets: readonly string[]): string {
  return secrets.reduce((shown, secret) => shown.replaceAll(secret, hidden), text);
}

export function hideInFailure(failure: Failure, secrets: readonly string[]): Failure {
  if (!("message" in failure)) return failure;
  const message = hideSecrets(failure.message, secrets);
  return failure.kind === "userError" ? { ...failure, message, stack: hideSecrets(failure.stack, secrets) } : { ...failure, message };
}
