// The task process's end of the line to its worker for blobs: a socket of its own to wait at, and frames for those who don't.

import { readSync, writeSync } from "node:fs";
import type { BlobMessage, BlobReply } from "./blob-messages.ts";
import type { WorkerLine } from "./cached-store.ts";

/** The socket for blobs. */
export const blobsFd = 4;
/** Longest answer: one line of JSON. Bytes. */
const replyBytesMax = 64 * 1024;

export class SocketLine implements WorkerLine {
  readonly #askLater: (message: BlobMessage) => Promise<BlobReply>;
  readonly #buffer = Buffer.allocUnsafe(replyBytesMax);

  constructor(askLater: (message: BlobMessage) => Promise<BlobReply>) {
    this.#askLater = askLater;
  }

  ask(message: BlobMessage): BlobReply {
    this.tell(message);
    let length = 0;
    while (length === 0 || this.#buffer[length - 1] !== newline) {
      const read = readSync(blobsFd, this.#buffer, length, replyBytesMax - length, null);
      // The worker is gone: whoever watches the other socket ends this process at its next turn, which may never come.
      if (read === 0) process.kill(-process.pid, "SIGKILL");
      length += read;
    }
    // The worker's own program has written it.
    return JSON.parse(this.#buffer.toString("utf8", 0, length)) as BlobReply;
  }

  askLater(message: BlobMessage): Promise<BlobReply> {
    return this.#askLater(message);
  }

  tell(message: BlobMessage): void {
    const line = Buffer.from(`${JSON.stringify(message)}\n`);
    for (let at = 0; at < line.length;) at += writeSync(blobsFd, line, at);
  }
}

const newline = 10;
