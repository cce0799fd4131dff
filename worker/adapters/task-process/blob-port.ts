// The worker's end of the line for blobs to one task process. What comes over it may be anything: step code can write there.

import type { ChildProcess } from "node:child_process";
import type { Socket } from "node:net";
import type { BlobHandler } from "../../ports/task-process.ts";
import { answerBlobs, LineReader, type BlobMessage } from "./blob-messages.ts";
import { blobReplyFrame, encodeFrame } from "./frames.ts";
import { blobsFd } from "./worker-line.ts";

export class BlobPort {
  readonly #handler: () => BlobHandler | null;

  constructor(child: ChildProcess, handler: () => BlobHandler | null) {
    this.#handler = handler;
    // There are no streams at all where there were no descriptors left for them.
    const streams: readonly unknown[] | undefined = child.stdio;
    const socket = (streams?.[blobsFd] ?? null) as Socket | null;
    if (socket !== null) this.#listen(socket);
  }

  /** A question over the other socket: a number, and the message. Gives the frame to answer with. */
  async reply(body: Buffer): Promise<Buffer | null> {
    const number = Buffer.from(body.subarray(0, 4));
    const message = parseMessage(body.toString("utf8", 4));
    const reply = message === null ? null : await answerBlobs(message, this.#handler());
    return reply === null ? null : encodeFrame(blobReplyFrame, number, Buffer.from(JSON.stringify(reply)));
  }

  /** One question is answered before the next one is looked at: who asks waits. */
  #listen(socket: Socket): void {
    let before = Promise.resolve();
    const reader = new LineReader((line) => {
      const message = parseMessage(line);
      if (message === null) {
        socket.destroy();
        return;
      }
      before = before.then(() => this.#answer(socket, message));
    });
    socket.on("data", (chunk: Buffer) => {
      if (!reader.push(chunk)) socket.destroy();
    });
    socket.on("error", () => undefined);
  }

  async #answer(socket: Socket, message: BlobMessage): Promise<void> {
    const reply = await answerBlobs(message, this.#handler());
    if (reply !== null && !socket.destroyed) socket.write(`${JSON.stringify(reply)}\n`);
  }
}

/** Whoever handles a message parses the names in it. */
function parseMessage(text: string): BlobMessage | null {
  try {
    const message: unknown = JSON.parse(text);
    return typeof message === "object" && message !== null && "kind" in message ? (message as BlobMessage) : null;
  } catch {
    return null;
  }
}
