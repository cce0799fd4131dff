// Lets clients elsewhere read the blobs of a run, and write those that a submission will name.
//
// C1. Reading: only what the run names. Writing: exactly the content that was asked for; nothing that is there is changed.

import type { BlobGrant, BlobRequest } from "../../proto/blobs.ts";
import { ControlError } from "../../proto/control.ts";
import type { RunId, Sha256 } from "../../proto/ids.ts";
import { RunBlobs } from "../core/run-blobs.ts";
import type { RunState } from "../core/state.ts";
import type { BlobAccess } from "../ports/blob-access.ts";
import { objectionTo } from "../shell/readable-blobs.ts";

export class ClientBlobs {
  readonly #access: BlobAccess | null;
  readonly #readState: (run: RunId) => Promise<RunState>;
  /** A run is asked about again and again while somebody reads it: what was found out is kept for as long as its state is. */
  readonly #known = new WeakMap<RunState, RunBlobs>();

  constructor(access: BlobAccess | null, readState: (run: RunId) => Promise<RunState>) {
    this.#access = access;
    this.#readState = readState;
  }

  /** @throws ControlError */
  async grant(run: RunId | null, requests: readonly BlobRequest[]): Promise<readonly BlobGrant[]> {
    if (this.#access === null) throw new ControlError("invalid", "this coordinator grants no blobs: read them where it keeps them");
    if (run !== null && requests.some(({ kind }) => kind === "put" || kind === "putList"))
      throw new ControlError("invalid", `blobs are written for a submission to come, not for ${run}`);
    const blobs = run === null ? new Set<Sha256>() : this.#blobsOf(await this.#readState(run));
    // Who only reads has no bytes of others to compare: that they are here is none of his business either.
    const foreign = run === null ? undefined : requests.find(({ kind, sha256 }) => kind === "head" && !blobs.has(sha256));
    const wrong = foreign ?? (await objectionTo(requests, blobs, this.#access)); // C1
    if (wrong !== null) throw new ControlError("notFound", `${run ?? "a submission"} names no blob ${wrong.sha256}`);
    return this.#access.sign(requests);
  }

  #blobsOf(state: RunState): ReadonlySet<Sha256> {
    let known = this.#known.get(state);
    if (known === undefined) this.#known.set(state, (known = new RunBlobs(state)));
    return known.now();
  }
}
