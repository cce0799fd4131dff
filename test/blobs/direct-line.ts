// The line between a task process and its worker where both are in one process: nothing can block there.

import { answerBlobs, type BlobMessage, type BlobReply } from "../../worker/adapters/task-process/blob-messages.ts";
import type { WorkerLine } from "../../worker/adapters/task-process/cached-store.ts";
import type { BlobHandler } from "../../worker/ports/task-process.ts";

export class SocketLess implements WorkerLine {
  readonly #handler: BlobHandler;

  constructor(handler: BlobHandler) {
    this.#handler = handler;
  }

  ask(): BlobReply {
    throw new Error("nobody can answer while this process waits");
  }

  async askLater(message: BlobMessage): Promise<BlobReply> {
    const reply = await answerBlobs(message, this.#handler);
    if (reply === null) throw new Error(`${message.kind} has no answer`);
    return reply;
  }

  tell(message: BlobMessage): void {
    void answerBlobs(message, this.#handler);
  }
}
