// Blobs without bytes that grow old by a clock of the test, for collecting garbage; it can be told to fail, or to let others
// act while it lists.

import { identify } from "../../sdk/artifact/codec.ts";
import { ArtifactStoreError } from "../../sdk/artifact/store.ts";
import { renewedAfterMs, type ListedBlob, type SweepableStore } from "../../sdk/artifact/sweepable.ts";
import type { StoredRef } from "../../proto/artifact.ts";
import type { Sha256 } from "../../proto/ids.ts";

export class AgingStore implements SweepableStore {
  readonly blobs = new Map<Sha256, number>();
  /** Called between two listed blobs. */
  meanwhile: () => Promise<void> = async () => undefined;
  /** Deletions until it fails; null: never. */
  deletionsLeft: number | null = null;
  readonly #nowMs: () => number;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  put(content: string): Sha256 {
    const sha256 = identify([Buffer.from(content)]);
    const modifiedAtMs = this.blobs.get(sha256);
    if (modifiedAtMs === undefined || this.#nowMs() - modifiedAtMs > renewedAfterMs) this.blobs.set(sha256, this.#nowMs());
    return sha256;
  }

  keep(content: string): StoredRef {
    return { kind: "stored", sha256: this.put(content), size: 1, type: "string", place: { kind: "blob" } };
  }

  async *list(): AsyncGenerator<ListedBlob> {
    for (const [sha256, modifiedAtMs] of [...this.blobs].sort(([a], [b]) => (a < b ? -1 : 1))) {
      await this.meanwhile();
      yield { sha256, part: "bytes", size: 1, modifiedAtMs: this.blobs.get(sha256) ?? modifiedAtMs };
    }
  }

  async piecesOf(): Promise<readonly Sha256[]> {
    return [];
  }

  async delete(names: readonly Sha256[], storedBeforeMs = Infinity): Promise<void> {
    for (const name of names) {
      if ((this.blobs.get(name) ?? -Infinity) >= storedBeforeMs) continue;
      if (this.deletionsLeft === 0) throw new ArtifactStoreError("unreachable", "the store is set to fail now");
      if (this.deletionsLeft !== null) this.deletionsLeft -= 1;
      this.blobs.delete(name);
    }
  }
}
