// What lies in NATS for a ready task, and what NATS says beside it: bytes that anybody with access may have written.

import type { QueuedTask } from "../../ports/task-queue.ts";
import { NameError, parseRunId, parseTaskId } from "../../../proto/ids.ts";

/** A message of hints with its headers. */
export const messageBytesMax = 1024;
/** Of the hints in it, which leaves room for the headers. */
const hintsBytesMax = 900;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

export type HintMessage = { readonly data: Uint8Array; readonly count: number };

/** In as few messages as hold them, in their order: what a message costs, most of all one that is synced, several tasks share. */
export function packHints(tasks: readonly QueuedTask[]): readonly HintMessage[] {
  const messages: HintMessage[] = [];
  let packed: string[] = [];
  let bytes = 2;
  const close = (): void => {
    if (packed.length > 0) messages.push({ data: encoder.encode(`[${packed.join()}]`), count: packed.length });
    packed = [];
    bytes = 2;
  };
  for (const { run, task, attempt } of tasks) {
    // Names are ASCII: a character is a byte.
    const hint = JSON.stringify([run, task, attempt]);
    if (bytes + hint.length + 1 > hintsBytesMax) close();
    packed.push(hint);
    bytes += hint.length + 1;
  }
  close();
  return messages;
}

/** Null for bytes that are no hints. */
export function parseHints(bytes: Uint8Array): readonly QueuedTask[] | null {
  if (bytes.length > messageBytesMax) return null;
  try {
    const value: unknown = JSON.parse(decoder.decode(bytes));
    return Array.isArray(value) && value.length > 0 ? value.map(parseHint) : null;
  } catch (error) {
    // A syntax error of JSON, a type error of the decoder or of a part.
    if (error instanceof NameError || error instanceof SyntaxError || error instanceof TypeError) return null;
    throw error;
  }
}

/** @throws NameError, TypeError */
function parseHint(value: unknown): QueuedTask {
  const [run, task, attempt, ...more] = value as readonly unknown[];
  const isAttempt = typeof attempt === "number" && Number.isSafeInteger(attempt) && attempt >= 0;
  if (typeof run !== "string" || typeof task !== "string" || !isAttempt || more.length > 0) throw new TypeError("no hint");
  return { run: parseRunId(run), task: parseTaskId(task), attempt };
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
