// The blobs of a coordinator elsewhere, by the best way that this machine has to them.
//
// Whether blocking or not, nothing is opened before the first read or write.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { BlobPlace } from "../../proto/blobs.ts";
import type { Control } from "../../proto/control.ts";
import type { Sha256 } from "../../proto/ids.ts";
import { BlockingBridge } from "../../sdk/artifact/blocking.ts";
import { FileArtifactStore } from "../../sdk/artifact/file-store.ts";
import { ArtifactStoreError, type ArtifactStore, type BlockingReader, type ByteRange } from "../../sdk/artifact/store.ts";
import type { Endpoint } from "../../sdk/wire/endpoint.ts";

export class RemoteStore implements ArtifactStore, BlockingReader {
  readonly #control: Control;
  readonly #bridge: BlockingBridge;
  #opening: Promise<ArtifactStore> | null = null;

  constructor(endpoint: Endpoint, control: Control) {
    this.#control = control;
    const beside = import.meta.url.endsWith(".ts") ? "./remote-store-module.ts" : "./remote-store-module.js";
    this.#bridge = new BlockingBridge({ url: new URL(beside, import.meta.url), options: endpoint });
  }

  async put(bytes: Uint8Array): Promise<Sha256> {
    return (await this.#store()).put(bytes);
  }
  async putStream(source: AsyncIterable<Uint8Array>): Promise<{ readonly sha256: Sha256; readonly size: number }> {
    return (await this.#store()).putStream(source);
  }
  async get(sha256: Sha256, range?: ByteRange): Promise<Uint8Array> {
    return (await this.#store()).get(sha256, range);
  }
  async *stream(sha256: Sha256): AsyncGenerator<Uint8Array> {
    yield* (await this.#store()).stream(sha256);
  }
  async has(sha256: Sha256): Promise<boolean> {
    return (await this.#store()).has(sha256);
  }
  getSync(sha256: Sha256, range?: ByteRange): Uint8Array {
    return this.#bridge.getSync(sha256, range);
  }

  close(): Promise<void> {
    return this.#bridge.close();
  }

  async #store(): Promise<ArtifactStore> {
    this.#opening ??= this.#open();
    try {
      return await this.#opening;
    } catch (error) {
      this.#opening = null;
      throw error;
    }
  }

  async #open(): Promise<ArtifactStore> {
    const places = await this.#control.blobPlaces();
    const folder = reachableFolder(places);
    if (folder !== null) return new FileArtifactStore(folder);
    throw new ArtifactStoreError("unreachable", "the coordinator's artifacts cannot be reached from this machine");
  }
}

/** The coordinator's own folder, where it is this machine's too. */
export function reachableFolder(places: readonly BlobPlace[]): string | null {
  const found = places.find((place) => place.kind === "files" && markIn(place.root) === place.mark);
  return found?.kind === "files" ? found.root : null;
}

function markIn(root: string): string | null {
  const file = join(root, "mark");
  return existsSync(file) ? readFileSync(file, "utf8").trim() : null;
}
