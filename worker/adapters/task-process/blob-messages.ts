// What a task process and its worker tell each other about blobs: lines of JSON over a socket of their own, so that a step
// can wait for an answer while it blocks its whole process.
//
// `fetch`, `wrote` and `makeRoom` are answered, in their order; `used` and `readAhead` are not.

import { parseSha256, type Sha256 } from "../../../proto/ids.ts";
import { ArtifactStoreError, type StoreProblem } from "../../../sdk/artifact/store.ts";
import type { BlobHandler } from "../../ports/task-process.ts";

export type BlobMessage =
  | { readonly kind: "fetch" | "used"; readonly sha256: Sha256 }
  | { readonly kind: "wrote"; readonly sha256: Sha256; readonly size: number }
  | { readonly kind: "readAhead"; readonly blobs: readonly Sha256[] }
  | { readonly kind: "makeRoom" };

/** `problem` null: done. */
export type BlobReply = { readonly problem: StoreProblem | null; readonly message: string };

const done: BlobReply = { problem: null, message: "" };

/** Null for what is not answered. Never rejects. */
export async function answerBlobs(message: BlobMessage, handler: BlobHandler | null): Promise<BlobReply | null> {
  if (handler === null) return isAnswered(message) ? { problem: "unreachable", message: "the task that asks is over" } : null;
  try {
    switch (message.kind) {
      case "fetch":
        await handler.fetch(parseSha256(message.sha256));
        return done;
      case "wrote":
        await handler.wrote(parseSha256(message.sha256), message.size);
        return done;
      case "makeRoom":
        return (await handler.makeRoom()) ? done : { problem: "full", message: "" };
      case "used":
        handler.used(parseSha256(message.sha256));
        return null;
      case "readAhead":
        handler.readAhead(message.blobs.map(parseSha256));
        return null;
      // Step code can write whatever it likes.
      default:
        return null;
    }
  } catch (error) {
    const problem = error instanceof ArtifactStoreError ? error.problem : "unreachable";
    return { problem, message: error instanceof Error ? error.message : String(error) };
  }
}

function isAnswered({ kind }: BlobMessage): boolean {
  return kind === "fetch" || kind === "wrote" || kind === "makeRoom";
}

/** Longest message. Bytes. */
const lineBytesMax = 64 * 1024;

/** Cuts a stream of bytes into lines. */
export class LineReader {
  readonly #onLine: (line: string) => void;
  #rest = "";

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  /** Whether it may go on: not with a line that has no end. */
  push(chunk: Buffer): boolean {
    const lines = (this.#rest + chunk.toString("latin1")).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#onLine(line);
    return this.#rest.length <= lineBytesMax;
  }
}
