// The blobs of a coordinator elsewhere, by the best way that this machine has to them: its folder, its bucket, or URLs that it
// grants, for blobs of the runs that were asked about before.
//
// Whether blocking or not, nothing is opened before the first read or write.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { BlobGrant, BlobPlace, BlobRequest } from "../../proto/blobs.ts";
import { ControlError, type Control } from "../../proto/control.ts";
import type { RunId, Sha256 } from "../../proto/ids.ts";
import type { RemotePlace } from "../../sdk/artifact/blob-place.ts";
import { BlockingBridge } from "../../sdk/artifact/blocking.ts";
import { FileArtifactStore } from "../../sdk/artifact/file-store.ts";
import { ArtifactStoreError, type ArtifactStore, type BlockingReader, type ByteRange } from "../../sdk/artifact/store.ts";
import type { Endpoint } from "../../sdk/wire/endpoint.ts";

export type RemoteStoreOptions = {
  readonly endpoint: Endpoint;
  readonly control: Control;
  /** Runs whose blobs are wanted, the likeliest first. */
  readonly runs: () => readonly RunId[];
};

/** What the helper thread is given: it asks with a connection of its own. */
export type ThreadOptions = { readonly endpoint: Endpoint; readonly runs: readonly RunId[] };

export class RemoteStore implements ArtifactStore, BlockingReader {
  readonly #options: RemoteStoreOptions;
  #opening: Promise<ArtifactStore> | null = null;
  #blocking: { readonly bridge: BlockingBridge; readonly runs: readonly RunId[] } | null = null;

  constructor(options: RemoteStoreOptions) {
    this.#options = options;
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
    return this.#bridge().getSync(sha256, range);
  }

  async close(): Promise<void> {
    await this.#blocking?.bridge.close();
  }

  /** One that knows of the runs that have been asked about meanwhile. */
  #bridge(): BlockingBridge {
    const runs = this.#options.runs();
    if (this.#blocking?.runs.join() === runs.join()) return this.#blocking.bridge;
    void this.#blocking?.bridge.close();
    const beside = import.meta.url.endsWith(".ts") ? "./remote-store-module.ts" : "./remote-store-module.js";
    const options: ThreadOptions = { endpoint: this.#options.endpoint, runs };
    const bridge = new BlockingBridge({ url: new URL(beside, import.meta.url), options });
    this.#blocking = { bridge, runs };
    return bridge;
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
    const { control, endpoint } = this.#options;
    const places = await control.blobPlaces();
    const folder = reachableFolder(places);
    if (folder !== null) return new FileArtifactStore(folder);
    // Without credentials of this machine for the bucket, URLs work all the same.
    const remote = places.filter((place): place is RemotePlace => place.kind !== "files");
    const place = remote.find(({ kind }) => kind === "presigned") ?? remote[0];
    if (place === undefined)
      throw new ArtifactStoreError("unreachable", `the coordinator at ${endpoint.address} offers its artifacts to its own machine only`);
    const { openPlace } = await import("../../sdk/artifact/blob-place.ts");
    return (await openPlace(place, endpoint))((requests) => this.#grant(requests));
  }

  async #grant(requests: readonly BlobRequest[]): Promise<readonly BlobGrant[]> {
    const { control, runs } = this.#options;
    const candidates = requests.every(({ kind }) => kind === "put" || kind === "putList" || kind === "head") ? [null, ...runs()] : runs();
    let refusal: unknown = new ArtifactStoreError("unreachable", "no run was asked about whose blobs could be read");
    for (const run of candidates) {
      try {
        return await control.grantBlobs(run, requests);
      } catch (error) {
        if (!(error instanceof ControlError) || error.code !== "notFound") throw error;
        refusal = error;
      }
    }
    throw refusal;
  }
}

/** The coordinator's own folder, where it is this machine's too. */
function reachableFolder(places: readonly BlobPlace[]): string | null {
  const found = places.find((place) => place.kind === "files" && markIn(place.root) === place.mark);
  return found?.kind === "files" ? found.root : null;
}

function markIn(root: string): string | null {
  const file = join(root, "mark");
  return existsSync(file) ? readFileSync(file, "utf8").trim() : null;
}
