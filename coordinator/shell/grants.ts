// What a worker without keys may read and write: blobs that the order of an attempt names, and new ones, while it has the lease.
//
// G1. Nothing is granted but under a current assignment of the worker that asks.
// G2. Reading: only what the order of that attempt names. Writing: exactly the content that was asked for.

import type { BlobAnswer } from "../../proto/blobs.ts";
import type { Sha256 } from "../../proto/ids.ts";
import { parseBlobRequests } from "../../proto/parse/blobs.ts";
import type { Held } from "../../sdk/wire/worker-items.ts";
import { blobsOfOrder } from "../core/order-blobs.ts";
import { orderFor } from "../core/order.ts";
import type { AuditTrail } from "../ports/audit-trail.ts";
import type { Clock } from "../ports/clock.ts";
import type { BlobAccess } from "../ports/blob-access.ts";
import type { Assignment } from "./assignment.ts";
import type { Leases } from "./leases.ts";
import { errorField, type CoordinatorLog } from "./log.ts";
import { objectionTo } from "./readable-blobs.ts";
import type { RunDriver } from "./run-driver.ts";
import type { Worker } from "./workers.ts";

export type GrantsOptions = {
  readonly leases: Leases;
  readonly log: CoordinatorLog;
  readonly access: BlobAccess | null;
  readonly clock: Clock;
  readonly audit: AuditTrail;
};

export class Grants {
  readonly #options: GrantsOptions;
  /** Made when an attempt first asks: most never do. */
  readonly #readable = new WeakMap<Assignment, ReadonlySet<Sha256>>();

  constructor(options: GrantsOptions) {
    this.#options = options;
  }

  /** For a welcome: where blobs are; empty where whoever connects knows. */
  get offer(): Uint8Array {
    const { access } = this.#options;
    return access === null ? new Uint8Array() : Buffer.from(JSON.stringify(access.places));
  }

  /** `bytes` is the JSON of BlobRequest[], the answer that of a BlobAnswer. Never rejects. */
  async answer(worker: Worker, of: Held, bytes: Uint8Array): Promise<Uint8Array> {
    return Buffer.from(JSON.stringify(await this.#answer(worker, of, bytes)));
  }

  async #answer(worker: Worker, of: Held, bytes: Uint8Array): Promise<BlobAnswer> {
    const { leases, log, access, audit, clock } = this.#options;
    const refuse = (message: string): BlobAnswer => {
      const fields = { worker_id: worker.id, run_id: of.run, task_id: of.task, attempt: of.attempt, reason: message };
      log.warn({ event: "blobs.refused", ...fields }, "a worker was refused blobs");
      audit.record({
        atMs: clock.nowMs(),
        action: "blobs",
        tokenId: worker.tokenId,
        tokenName: null,
        role: "worker",
        from: worker.hello?.host ?? "",
        run: of.run,
        about: worker.id,
        result: "denied",
        code: "denied",
      });
      return { kind: "refused", message };
    };
    if (access === null) return refuse("this coordinator grants no blobs");
    const found = leases.find(worker, of); // G1
    if (found === null) return refuse(`${of.run}/${of.task} is not assigned to this worker under lease ${of.lease}`);
    try {
      const requests = parseBlobRequests(JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString()));
      const wrong = await objectionTo(requests, this.#readableBy(found), access);
      if (wrong !== null) return refuse(`blob ${wrong.sha256} is none that ${of.run}/${of.task} may read`); // G2
      return { kind: "granted", grants: await access.sign(requests) };
    } catch (error) {
      log.warn({ event: "blobs.notSigned", worker_id: worker.id, run_id: of.run, err: errorField(error) }, "blobs could not be granted");
      return { kind: "refused", message: error instanceof Error ? error.message : String(error) };
    }
  }

  #readableBy({ driver, assignment }: Found): ReadonlySet<Sha256> {
    let readable = this.#readable.get(assignment);
    if (readable === undefined) {
      readable = blobsOfOrder(orderFor(driver.state, assignment.task, assignment));
      this.#readable.set(assignment, readable);
    }
    return readable;
  }
}

type Found = { readonly driver: RunDriver; readonly assignment: Assignment };
