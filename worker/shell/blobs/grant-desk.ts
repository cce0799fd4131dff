// Asks the coordinator for leave to read and write blobs, over the stream that the worker has anyway.
//
// D1. A question is answered once: by the coordinator, or by the end of the patience with it. While there is no stream it
//     waits; on a new stream it is asked again.

import type { BlobGrant, BlobRequest } from "../../../proto/blobs.ts";
import { parseBlobAnswer } from "../../../proto/parse/blobs.ts";
import { ArtifactStoreError } from "../../../sdk/artifact/store.ts";
import type { Held, WorkerItem } from "../../../sdk/wire/worker-items.ts";

type Question = {
  readonly item: WorkerItem;
  readonly patience: NodeJS.Timeout;
  settle(result: readonly BlobGrant[] | ArtifactStoreError): void;
};

/** A coordinator that is away for longer has given the attempt to somebody else. Milliseconds. */
const patienceMs = 60_000;

export class GrantDesk {
  readonly #questions = new Map<number, Question>();
  #send: ((item: WorkerItem) => void) | null = null;
  #nextId = 1;

  connected(send: (item: WorkerItem) => void): void {
    this.#send = send;
    for (const { item } of this.#questions.values()) send(item);
  }

  disconnected(): void {
    this.#send = null;
  }

  /** @throws ArtifactStoreError */
  async ask(of: Held, requests: readonly BlobRequest[]): Promise<readonly BlobGrant[]> {
    const id = this.#nextId;
    this.#nextId += 1;
    const item: WorkerItem = { kind: "askBlobs", of, id, requests: Buffer.from(JSON.stringify(requests)) };
    const result = await new Promise<readonly BlobGrant[] | ArtifactStoreError>((settle) => {
      const patience = setTimeout(() => this.#settle(id, unanswered(of)), patienceMs);
      this.#questions.set(id, { item, patience, settle });
      this.#send?.(item);
    });
    if (result instanceof ArtifactStoreError) throw result;
    if (result.length !== requests.length) throw new Error(`${requests.length} blobs were asked for and ${result.length} granted`);
    return result;
  }

  answered(id: number, bytes: Uint8Array): void {
    try {
      const answer = parseBlobAnswer(JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString()));
      this.#settle(id, answer.kind === "granted" ? answer.grants : refused(answer.message));
    } catch (error) {
      this.#settle(id, refused(`its answer cannot be read: ${error instanceof Error ? error.message : String(error)}`));
    }
  }

  #settle(id: number, result: readonly BlobGrant[] | ArtifactStoreError): void {
    const question = this.#questions.get(id);
    this.#questions.delete(id);
    clearTimeout(question?.patience);
    question?.settle(result);
  }
}

function refused(message: string): ArtifactStoreError {
  return new ArtifactStoreError("denied", `the coordinator refused blobs: ${message}`);
}

function unanswered({ run, task }: Held): ArtifactStoreError {
  const message = `the coordinator did not answer for ${patienceMs / 1000} s when ${run}/${task} asked for blobs; see that it runs`;
  return new ArtifactStoreError("unreachable", message);
}
