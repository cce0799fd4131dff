// What lies in NATS for a ready task, and what NATS says beside it: bytes that anybody with access may have written.

import type { QueuedTask } from "../../ports/task-queue.ts";
import { NameError, parseRunId, parseTaskId } from "../../../proto/ids.ts";

/** A hint with its headers. */
export const hintBytesMax = 1024;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

export function encodeHint({ run, task, attempt }: QueuedTask): Uint8Array {
  return encoder.encode(JSON.stringify({ run, task, attempt }));
}

/** Null for bytes that are no hint. */
export function parseHint(bytes: Uint8Array): QueuedTask | null {
  if (bytes.length > hintBytesMax) return null;
  try {
    const value: unknown = JSON.parse(decoder.decode(bytes));
    if (typeof value !== "object" || value === null) return null;
    const { run, task, attempt } = value as Readonly<Record<string, unknown>>;
    if (typeof run !== "string" || typeof task !== "string") return null;
    if (typeof attempt !== "number" || !Number.isSafeInteger(attempt) || attempt < 0) return null;
    return { run: parseRunId(run), task: parseTaskId(task), attempt };
  } catch (error) {
    // A syntax error of JSON, a type error of the decoder.
    if (error instanceof NameError || error instanceof SyntaxError || error instanceof TypeError) return null;
    throw error;
  }
}

/** Where a message lies in its stream, and its place among all that the consumer was given. */
export type Delivery = { readonly streamSeq: number; readonly consumerSeq: number };

/** Read from the subject at which a message is acknowledged: nine words in older servers, eleven or twelve in newer ones. */
export function parseDelivery(ackSubject: string): Delivery | null {
  const words = ackSubject.split(".");
  if (words[0] !== "$JS" || words[1] !== "ACK") return null;
  const from = words.length === 9 ? 5 : 7;
  const streamSeq = Number(words[from]);
  const consumerSeq = Number(words[from + 1]);
  if (words.length < 9 || !Number.isSafeInteger(streamSeq) || !Number.isSafeInteger(consumerSeq)) return null;
  return { streamSeq, consumerSeq };
}
