// The blobs of a coordinator elsewhere, by the best way that this machine has to them: its folder, its bucket, or URLs that it
// grants, for the run that a blob is read for.
//
// Whether blocking or not, nothing is opened before the first read or write.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isBucket, type BlobGrant, type BlobPlace, type BlobRequest } from "../../proto/blobs.ts";
import type { Control } from "../../proto/control.ts";
import { parseRunId, type RunId, type Sha256 } from "../../proto/ids.ts";
import type { RemotePlace } from "../../sdk/artifact/blob-place.ts";
import type { GrantBlobs } from "../../sdk/artifact/s3/presigned-objects.ts";
import { BlockingBridge } from "../../sdk/artifact/blocking.ts";
import { FileArtifactStore } from "../../sdk/artifact/file-store.ts";
import { ArtifactStoreError, type ArtifactStore, type BlockingReader, type ByteRange } from "../../sdk/artifact/store.ts";
import type { Endpoint } from "../../sdk/wire/endpoint.ts";

/** The way to the blobs, and the thread that goes it for those who block: one of each, whatever they are read for. */
type Way = {
  readonly endpoint: Endpoint;
  readonly control: Control;
  readonly bridge: BlockingBridge;
  opening: Promise<Opened> | null;
};

type Opened = { readonly keepsInline: boolean; storeFor(grant: GrantBlobs): ArtifactStore };

export class RemoteStore implements ArtifactStore, BlockingReader {
  readonly #way: Way;
  /** Reads what it names; null: writes what a submission will name. */
  readonly #run: RunId | null;
  #opening: Promise<ArtifactStore> | null = null;

  private constructor(way: Way, run: RunId | null) {
    this.#way = way;
    this.#run = run;
  }

  static open(endpoint: Endpoint, control: Control): RemoteStore {
    const beside = import.meta.url.endsWith(".ts") ? "./remote-store-module.ts" : "./remote-store-module.js";
    const bridge = new BlockingBridge({ url: new URL(beside, import.meta.url), options: endpoint });
    return new RemoteStore({ endpoint, control, bridge, opening: null }, null);
  }

  /** Reads on behalf of the run: it holds no more than its name. */
  of(run: string): RemoteStore {
    return new RemoteStore(this.#way, parseRunId(run));
  }

  get keepsInline(): Promise<boolean> {
    return openedOnce(this.#way).then((opened) => opened.keepsInline);
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
    const { bridge } = this.#way;
    return (this.#run === null ? bridge : bridge.of(this.#run)).getSync(sha256, range);
  }

  /** For all that it has been read for. */
  async close(): Promise<void> {
    await this.#way.bridge.close();
  }

  async #store(): Promise<ArtifactStore> {
    this.#opening ??= openedOnce(this.#way).then((opened) => opened.storeFor((requests) => this.#grant(requests)));
    try {
      return await this.#opening;
    } catch (error) {
      this.#opening = null;
      throw error;
    }
  }

  #grant(requests: readonly BlobRequest[]): Promise<readonly BlobGrant[]> {
    return this.#way.control.grantBlobs(this.#run, requests);
  }
}

async function openedOnce(way: Way): Promise<Opened> {
  way.opening ??= open(way);
  try {
    return await way.opening;
  } catch (error) {
    way.opening = null;
    throw error;
  }
}

async function open({ control, endpoint }: Way): Promise<Opened> {
  const places = await control.blobPlaces();
  const folder = reachableFolder(places);
  if (folder !== null) {
    const store = new FileArtifactStore(folder);
    return { keepsInline: false, storeFor: () => store };
  }
  // Without credentials of this machine for the bucket, URLs work all the same.
  const remote = places.filter((place): place is RemotePlace => place.kind !== "files");
  const place = remote.find(({ kind }) => kind === "presigned") ?? remote[0];
  if (place === undefined)
    throw new ArtifactStoreError("unreachable", `the coordinator at ${endpoint.address} offers its artifacts to its own machine only`);
  const { openPlace } = await import("../../sdk/artifact/blob-place.ts");
  return { keepsInline: isBucket(place), storeFor: await openPlace(place, endpoint) };
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
