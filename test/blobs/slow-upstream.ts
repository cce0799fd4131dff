// A store in memory that answers when it is let.

import { setImmediate as turn } from "node:timers/promises";
import type { Sha256 } from "../../proto/ids.ts";
import { MemoryArtifactStore } from "../../sdk/artifact/memory-store.ts";

export class SlowStore extends MemoryArtifactStore {
  reads = 0;
  #asked = 0;
  readonly #released = Promise.withResolvers<void>();

  /** Puts it there without waiting. */
  seed(bytes: Uint8Array): Promise<Sha256> {
    return super.put(bytes);
  }

  release(): void {
    this.#released.resolve();
  }

  /** Until so many have come to read or write. */
  async asked(count: number): Promise<void> {
    while (this.#asked < count) await turn();
  }

  override async put(bytes: Uint8Array): Promise<Sha256> {
    this.#asked += 1;
    await this.#released.promise;
    return super.put(bytes);
  }

  override async *stream(sha256: Sha256): AsyncGenerator<Uint8Array> {
    this.reads += 1;
    this.#asked += 1;
    await this.#released.promise;
    yield* super.stream(sha256);
  }
}
