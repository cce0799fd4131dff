// Where a worker's task processes find artifacts, once the coordinator has said where blobs are: in the coordinator's own
// folder, if this machine has it, or in a cache that this worker fills and empties.
//
// W1. What was chosen at the first welcome stays: processes that run have it already.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { isBucket, type BlobPlace } from "../../../proto/blobs.ts";
import { parseBlobPlaces } from "../../../proto/parse/blobs.ts";
import type { OpenStore, RemotePlace } from "../../../sdk/artifact/blob-place.ts";
import { dataRootOf } from "../../../sdk/artifact/s3/place.ts";
import type { ArtifactStore } from "../../../sdk/artifact/store.ts";
import type { Held } from "../../../sdk/wire/worker-items.ts";
import type { WorkerLog } from "../../ports/log.ts";
import type { BlobFigures } from "../worker-metrics.ts";
import { ArtifactCache } from "./artifact-cache.ts";
import { AttemptBlobs } from "./attempt-blobs.ts";
import { claimFolder, type ClaimedFolder } from "./cache-folder.ts";
import { GrantDesk } from "./grant-desk.ts";
import { Uploads } from "./uploads.ts";

/** Opens a way to blobs that is no folder of this machine. */
export type OpenPlace = (place: RemotePlace) => Promise<OpenStore>;

export type WorkerBlobsOptions = {
  /** Caches of this machine's workers are in it. */
  readonly root: string;
  /** What the cache may hold; more only for as long as a single task needs it. */
  readonly bytesMax: number;
  readonly open: OpenPlace;
  readonly log: WorkerLog;
};

type Storage = {
  readonly root: string;
  readonly access: "files" | "cached" | "cachedWhole";
  readonly hidden: readonly string[];
  /** Where step code keeps data of its own, as the coordinator says; null where it says nothing. */
  readonly dataRoot: string | null;
};

/** Keys to the bucket are not for step code, where the worker uses its own. */
const keyVariables = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"];

type Chosen =
  | { readonly kind: "files"; readonly root: string }
  | {
      readonly kind: "cache";
      readonly place: RemotePlace;
      readonly claim: ClaimedFolder;
      readonly cache: ArtifactCache;
      readonly uploads: Uploads;
    };

export class WorkerBlobs {
  readonly desk = new GrantDesk();
  readonly #options: WorkerBlobsOptions;
  #chosen: Chosen | null = null;
  #opening: Promise<OpenStore> | null = null;

  constructor(options: WorkerBlobsOptions) {
    this.#options = options;
  }

  /** Where a task process that starts now finds artifacts. After `use`. */
  storage(): Storage {
    const chosen = this.#chosen;
    if (chosen === null) throw new Error("nobody has said yet where blobs are");
    if (chosen.kind === "files") return { root: chosen.root, access: "files", hidden: [], dataRoot: null };
    const { place, cache } = chosen;
    const access = isBucket(place) ? "cachedWhole" : "cached";
    const dataRoot = place.kind === "s3" ? dataRootOf(place) : (place.dataRoot ?? null);
    return { root: cache.folder, access, hidden: place.kind === "s3" ? keyVariables : [], dataRoot };
  }

  /** Null where there is no cache. */
  get figures(): BlobFigures | null {
    if (this.#chosen?.kind !== "cache") return null;
    const { cache, uploads } = this.#chosen;
    return { cachedBytes: cache.bytes, ...cache.counts, ...uploads.counts };
  }

  /**
   * Chooses among what a welcome offers; whether it has not chosen before.
   * @throws Error where none of it can be used from here, or what was chosen before is not offered any more
   */
  async use(offer: Uint8Array): Promise<boolean> {
    const text = Buffer.from(offer.buffer, offer.byteOffset, offer.byteLength).toString();
    const places = parseBlobPlaces(text === "" ? [] : JSON.parse(text));
    const chosen = this.#chosen;
    if (chosen !== null) {
      const place = places.find((one) => isChosen(one, chosen));
      if (place === undefined) throw new Error("its blobs are elsewhere now: start the worker again"); // W1
      this.#follow(chosen, place);
      return false;
    }
    this.#chosen = await this.#choose(places);
    return true;
  }

  /** For one attempt; null where its process has the store itself. */
  attempt(of: Held): AttemptBlobs | null {
    const chosen = this.#chosen;
    if (chosen === null || chosen.kind === "files") return null;
    const upstream = async (): Promise<ArtifactStore> => (await this.#open(chosen.place))((requests) => this.desk.ask(of, requests));
    return new AttemptBlobs({ cache: chosen.cache, uploads: chosen.uploads, upstream });
  }

  /** A coordinator that has started again may serve blobs at another port. */
  #follow(chosen: Chosen, place: BlobPlace): void {
    if (chosen.kind === "files" || place.kind === "files" || JSON.stringify(place) === JSON.stringify(chosen.place)) return;
    this.#chosen = { ...chosen, place };
    this.#opening = null;
  }

  async #open(place: RemotePlace): Promise<OpenStore> {
    this.#opening ??= this.#options.open(place);
    try {
      return await this.#opening;
    } catch (error) {
      // It may go better the next time: a bucket's credentials may be there by then.
      this.#opening = null;
      throw error;
    }
  }

  /** The cache stays for the next worker of this machine. */
  async close(): Promise<void> {
    if (this.#chosen?.kind === "cache") this.#chosen.claim.release();
  }

  async #choose(places: readonly BlobPlace[]): Promise<Chosen> {
    for (const place of places) {
      if (place.kind !== "files") return this.#openCache(place);
      const mark = await readFile(join(place.root, "mark"), "utf8").catch(() => "");
      if (mark.trim() === place.mark) return { kind: "files", root: place.root };
    }
    const folders = places.flatMap((place) => (place.kind === "files" ? [place.root] : []));
    throw new Error(
      `it keeps blobs in ${folders.join(", ") || "no place that it tells"}, which this machine does not have, and offers no other way`,
    );
  }

  async #openCache(place: RemotePlace): Promise<Chosen> {
    const { root, bytesMax, log } = this.#options;
    const claim = await claimFolder(root);
    const { folder } = claim;
    try {
      const cache = await ArtifactCache.open({ root: folder, bytesMax, log });
      log.info(
        { event: "cache.opened", folder, bytes: cache.bytes, bytes_max: bytesMax, from: place.kind },
        "artifacts go through a cache",
      );
      return { kind: "cache", place, claim, cache, uploads: new Uploads(cache) };
    } catch (error) {
      claim.release();
      throw error;
    }
  }
}

function isChosen(place: BlobPlace, chosen: Chosen): boolean {
  if (chosen.kind === "files") return place.kind === "files" && place.root === chosen.root;
  if (place.kind === "s3")
    return chosen.place.kind === "s3" && place.bucket === chosen.place.bucket && place.prefix === chosen.place.prefix;
  return place.kind === chosen.place.kind;
}
