// What the coordinator does with what a worker says, whatever carries it.
//
// S1. The first item is `hello`, and there is no second one.
// S2. A worker that was launched is let in when its claim is durable, or sent away; what it says meanwhile is kept until then.
// S3. Whatever a worker says is a sign of life; what it says about an assignment counts only while the assignment is its own.

import type { Failure } from "../../proto/failure.ts";
import type { LaunchClaim } from "../../proto/launch.ts";
import type { TaskOutcome } from "../../proto/order.ts";
import { parseTaskOutcome } from "../../proto/parse/task.ts";
import { unreachable } from "../../proto/unreachable.ts";
import { agreedProtocol, protocolVersions, type CoordinatorItem, type Hello, type WorkerItem } from "../../sdk/wire/worker-items.ts";
import type { AuditTrail } from "../ports/audit-trail.ts";
import type { Clock } from "../ports/clock.ts";
import type { Dispatcher } from "../shell/dispatcher.ts";
import type { Drivers } from "../shell/drivers.ts";
import type { Grants } from "../shell/grants.ts";
import type { Leases } from "../shell/leases.ts";
import type { LogIntake } from "../shell/log-intake.ts";
import { errorField, type CoordinatorLog } from "../shell/log.ts";
import type { Worker, WorkerLine, Workers } from "../shell/workers.ts";
import type { Caller } from "./access/principal.ts";
import { objectionToHello, objectionToWorker } from "./access/worker-admission.ts";

export type WorkerSessionPorts = {
  readonly clock: Clock;
  readonly log: CoordinatorLog;
  readonly audit: AuditTrail;
  readonly workers: Workers;
  readonly leases: Leases;
  readonly drivers: Pick<Drivers, "get">;
  readonly dispatcher: Dispatcher;
  readonly intake: LogIntake;
  readonly grants: Grants;
  /** Null where no workers are launched. */
  readonly claims: Claims | null;
  readonly version: string;
  readonly leaseMs: number;
  readonly beatMs: number;
};

/** Assignments that one worker may ask for and not have yet. */
const creditMax = 20_000;

/** Decides which worker is the one of a launch that it says it is. */
interface Claims {
  /** Durable when it resolves: null, or why it is not. */
  claim(claim: LaunchClaim, worker: string): Promise<string | null>;
}

/** Brings items to one worker. */
export interface WorkerCarrier {
  send(item: CoordinatorItem): void;
  /** Ends the stream, after what was sent before. Null where the worker has ended it, or is gone. */
  end(end: StreamEnd | null): void;
}

export type StreamEnd = {
  /**
   * Whether the worker may open another stream, and if not, why: its mistake, its version, a token that counts no more, or
   * what its token doesn't allow.
   */
  readonly kind: "again" | "misused" | "unfit" | "unknown" | "denied";
  readonly reason: string;
};

export class WorkerSession implements WorkerLine {
  readonly #ports: WorkerSessionPorts;
  readonly #carrier: WorkerCarrier;
  readonly #caller: Caller;
  /** Null before `hello`. */
  #worker: Worker | null = null;
  #ended = false;
  /** What came while the worker's claim was not decided; null while there is nothing to decide. */
  #early: WorkerItem[] | null = null;

  constructor(ports: WorkerSessionPorts, carrier: WorkerCarrier, caller: Caller) {
    this.#ports = ports;
    this.#carrier = carrier;
    this.#caller = caller;
  }

  send(item: CoordinatorItem): void {
    this.#carrier.send(item);
  }

  end(reason: string): void {
    this.#finish({ kind: "again", reason });
  }

  /** Its time is over. */
  dismiss(reason: string): void {
    this.#finish({ kind: "unknown", reason });
  }

  receive(items: readonly WorkerItem[]): void {
    for (const item of items) {
      if (this.#ended) return;
      if (this.#early !== null) this.#early.push(item);
      else if (item.kind === "hello") this.#greet(item.hello);
      else if (this.#worker === null) this.#finish({ kind: "misused", reason: `a worker says hello first, not ${item.kind}` }); // S1
      else this.#handle(this.#worker, item);
    }
    if (this.#worker !== null) this.#ports.leases.heard(this.#worker); // S3
    this.#ports.dispatcher.takeSoon();
  }

  /** It said what cannot be read. */
  misread(why: string): void {
    this.#finish({ kind: "misused", reason: `what the worker says cannot be read: ${why}` });
  }

  closed(reason: string): void {
    if (this.#ended) return;
    this.#leave(reason);
    this.#carrier.end(null);
  }

  #greet(hello: Hello): void {
    const { workers, drivers, version } = this.#ports;
    if (this.#worker !== null) return this.#finish({ kind: "misused", reason: "a worker says hello once" }); // S1
    const protocol = agreedProtocol(hello, protocolVersions);
    if (protocol === null) return this.#finish({ kind: "unfit", reason: noProtocol(hello, version) });
    const mistake = objectionToHello(hello);
    if (mistake !== null) return this.#finish({ kind: "misused", reason: mistake });
    const objection = objectionToWorker(hello, this.#caller.principal, {
      known: workers.get(hello.worker),
      namespaceOf: (run) => drivers.get(run)?.state.submitted.context.namespace ?? null,
    });
    this.#audit(hello, objection === null ? "done" : "denied");
    if (objection !== null) return this.#finish({ kind: "denied", reason: objection });
    if (hello.launch === undefined) return this.#admit(hello, protocol);
    this.#early = [];
    void this.#claim(hello, hello.launch, protocol);
  }

  /** S2 */
  async #claim(hello: Hello, launch: LaunchClaim, protocol: number): Promise<void> {
    const { claims, log } = this.#ports;
    let objection: string | null = "no workers are launched here";
    try {
      if (claims !== null) objection = await claims.claim(launch, hello.worker);
    } catch (error) {
      log.error(
        { event: "launch.notClaimed", worker_id: hello.worker, launch_id: launch.launch, err: errorField(error) },
        "a claim cannot be kept",
      );
      return this.#finish({ kind: "again", reason: "the claim of this worker cannot be kept now" });
    }
    if (this.#ended) return;
    if (objection === null) this.#admit(hello, protocol);
    else {
      log.info(
        { event: "worker.superfluous", worker_id: hello.worker, launch_id: launch.launch, reason: objection },
        "a launched worker is sent away",
      );
      this.send({ kind: "drain" });
      return this.#finish({ kind: "again", reason: objection });
    }
    const early = this.#early ?? [];
    this.#early = null;
    this.receive(early);
  }

  #admit(hello: Hello, protocol: number): void {
    const { workers, leases, grants, clock, log, version, leaseMs, beatMs } = this.#ports;
    const { tokenId, namespace } = this.#caller.principal;
    const worker = workers.connect(hello, this, { nowMs: clock.monotonicMs(), namespace });
    worker.tokenId = tokenId;
    this.#worker = worker;
    log.info(
      { event: "worker.connected", worker_id: worker.id, worker_host: hello.host, slots: hello.slots, held: hello.held.length },
      "a worker has connected",
    );
    this.send({ kind: "welcome", protocol, version, leaseMs, beatMs, blobs: grants.offer });
    leases.greeted(worker, hello.held);
  }

  #audit(hello: Hello, result: "done" | "denied"): void {
    const { clock, audit } = this.#ports;
    const { principal, from } = this.#caller;
    const { tokenId, tokenName, role } = principal;
    const code = result === "done" ? null : result;
    const about = hello.worker;
    audit.record({ atMs: clock.nowMs(), action: "connect", tokenId, tokenName, role, from, run: null, about, result, code });
  }

  #handle(worker: Worker, item: Exclude<WorkerItem, { kind: "hello" }>): void {
    const { leases, workers, intake, log } = this.#ports;
    switch (item.kind) {
      case "beat":
        worker.load = item.load ?? worker.load;
        return leases.beat(worker, item.held);
      case "outcome":
        return leases.outcome(worker, item.of, parseOutcome(item.outcome));
      case "logs": {
        const found = leases.find(worker, item.of);
        if (found !== null) intake.takeNumbered(found.assignment, item.from, item.lines);
        return;
      }
      case "credit":
        return workers.addCredit(worker, Math.min(item.slots, creditMax - worker.credit));
      case "draining":
        log.info({ event: "worker.draining", worker_id: worker.id }, "a worker takes no more work");
        return workers.drain(worker);
      case "askBlobs":
        void this.#answerBlobs(worker, item);
        return undefined;
      default:
        return unreachable(item);
    }
  }

  async #answerBlobs(worker: Worker, { of, id, requests }: Extract<WorkerItem, { kind: "askBlobs" }>): Promise<void> {
    const answer = await this.#ports.grants.answer(worker, of, requests);
    if (!this.#ended) this.send({ kind: "blobsAnswered", id, answer });
  }

  #finish(end: StreamEnd): void {
    if (this.#ended) return;
    if (end.kind !== "again") {
      const fields = { event: "worker.refused", worker_id: this.#worker?.id ?? null, from: this.#caller.from, kind: end.kind };
      this.#ports.log.warn({ ...fields, reason: end.reason }, "a worker's stream is refused");
    }
    this.#leave(end.reason);
    this.#carrier.end(end);
  }

  #leave(reason: string): void {
    this.#ended = true;
    const worker = this.#worker;
    if (worker === null || worker.line !== this) return;
    const { workers, leases } = this.#ports;
    workers.disconnect(worker);
    this.#ports.log.info(
      { event: "worker.disconnected", worker_id: worker.id, assignments: worker.assignments.size, reason },
      "a worker's stream has ended",
    );
    // Whoever leaves a run to the cluster comes back to none of it.
    if (!worker.draining || worker.runs.size === 0) return;
    leases.takeAway(worker);
    workers.disconnect(worker);
  }
}

function noProtocol({ protocol, oldestProtocol, version }: Hello, ownVersion: string): string {
  const { oldest, newest } = protocolVersions;
  const remedy = protocol < oldest ? "bring the worker up to date" : "bring the coordinator up to date";
  return `the worker speaks protocol ${rangeText(oldestProtocol, protocol)} (version ${version}), this coordinator ${rangeText(oldest, newest)} (version ${ownVersion}): ${remedy}`;
}

function rangeText(oldest: number, newest: number): string {
  return oldest === newest ? String(newest) : `${oldest} to ${newest}`;
}

/** What cannot be read fails the attempt that it was reported for: nobody else will tell how that ended. */
function parseOutcome(bytes: Uint8Array): TaskOutcome {
  try {
    return parseTaskOutcome(JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString()));
  } catch (error) {
    const nowMs = Date.now();
    const failure: Failure = {
      kind: "start",
      message: `the worker's outcome cannot be read: ${error instanceof Error ? error.message : String(error)}`,
    };
    return { kind: "failed", failure, artifacts: {}, usage: { startedAtMs: nowMs, finishedAtMs: nowMs, cpuMs: 0, peakMiB: 0 } };
  }
}
