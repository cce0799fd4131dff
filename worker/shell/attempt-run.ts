// One attempt from its order to its outcome: a process from the pool, timers, output, and the decisions of core/attempt.ts.
//
// N1. Lines leave before the outcome, and `onEnded` comes last, once.
// N2. What the process has reported is passed on when everything that it wrote is in the coordinator's store.

import type { Failure } from "../../proto/failure.ts";
import type { TaskOutcome } from "../../proto/order.ts";
import { unreachable } from "../../proto/unreachable.ts";
import type { LogText } from "../../sdk/wire/worker-items.ts";
import { advanceAttempt, newAttempt, type AttemptAction, type AttemptEvent, type AttemptState } from "../core/attempt.ts";
import { failureOfDeath } from "../core/death.ts";
import type { Report, TaskProcess } from "../ports/task-process.ts";
import type { AttemptBlobs } from "./blobs/attempt-blobs.ts";
import { AttemptLog } from "./attempt-log.ts";
import type { OrderHead } from "./order-head.ts";
import type { LeaseEvents, ProcessLease, ProcessPool, ProcessWanted } from "./process-pool.ts";

export type AttemptEvents = {
  /** Brings its blobs to and fro; null where its process has the store itself. Closed when the attempt has ended. */
  readonly blobs: AttemptBlobs | null;
  onLines(lines: readonly LogText[]): void;
  /** JSON of a TaskOutcome. Not called for an attempt that was revoked. */
  onOutcome(outcome: Uint8Array): void;
  onEnded(): void;
};

/** Attempts shorter than this aren't watched from outside. Milliseconds. */
const watchedAfterMs = 1000;
const watchEveryMs = 500;
/** A step that may hold only so much is looked at often: a gigabyte fills in less than half a second. Milliseconds. */
const limitedEveryMs = 50;
/** Longest time that a timer can be set for. Milliseconds. */
const timerMsMax = 2 ** 31 - 1;

export class AttemptRun {
  readonly #order: Uint8Array;
  readonly #head: OrderHead;
  readonly #pool: ProcessPool;
  readonly #events: AttemptEvents;
  readonly #log: AttemptLog;
  readonly #wanted: ProcessWanted;
  #state: AttemptState = newAttempt;
  #lease: ProcessLease | null = null;
  #process: TaskProcess | null = null;
  /** It has reported, and what it wrote is on its way to the store. */
  #storing = false;
  #startedAtMs = Date.now();
  #report: Report | null = null;
  #timeout: NodeJS.Timeout | undefined;
  #grace: NodeJS.Timeout | undefined;
  #watch: NodeJS.Timeout | undefined;

  constructor(order: { readonly bytes: Uint8Array; readonly head: OrderHead }, pool: ProcessPool, events: AttemptEvents) {
    this.#order = order.bytes;
    this.#head = order.head;
    this.#pool = pool;
    this.#events = events;
    this.#log = new AttemptLog((lines) => events.onLines(lines), { hasSecrets: order.head.hasSecrets });
    this.#wanted = {
      environment: order.head.environment,
      codePackage: order.head.codePackage,
      isolated: order.head.isolated,
      onProcess: (lease) => this.#begin(lease),
    };
  }

  start(): void {
    this.#pool.want(this.#wanted);
  }

  /** Asks the step to stop; what it does about it, it does within `graceMs`. */
  stop(by: string, graceMs: number): void {
    this.#advance({ kind: "stopRequested", by, graceMs });
  }

  /** Stops at once and says nothing more. */
  revoke(): void {
    this.#advance({ kind: "revoked" });
  }

  /** Stops it, so that it can run on another worker. */
  giveBack(worker: string, graceMs: number): void {
    this.#advance({ kind: "givenBack", failure: { kind: "returned", worker, why: "drained" }, graceMs });
  }

  #begin(lease: ProcessLease): LeaseEvents {
    this.#lease = lease;
    this.#process = lease.process;
    this.#startedAtMs = Date.now();
    lease.process.run(this.#order, this.#head);
    this.#advance({ kind: "started", timeoutSeconds: this.#head.timeoutSeconds });
    this.#watch = setTimeout(() => this.#watchMemory(), lease.process.isToBeWatched ? limitedEveryMs : watchedAfterMs);
    return {
      onCodeReturned: () => this.#advance({ kind: "codeReturned" }),
      onSecrets: (secrets) => this.#log.hide(secrets),
      onProgress: (line) => this.#log.tell(line, Date.now()),
      onOutput: (stream, bytes) => this.#log.write(stream, bytes, Date.now()),
      blobs: () => this.#events.blobs,
      onReport: (report) => {
        this.#report = report;
        if (this.#exceeded()) return;
        if (this.#events.blobs === null) this.#reported(report, null);
        else void this.#whenStored(report, this.#events.blobs);
      },
      onEnd: (death) => {
        // Its report counts, once what it speaks of is stored; unless somebody has it stopped. (N2)
        if (this.#storing && this.#state.kind !== "stopping") return;
        this.#advance({ kind: "processEnded", failure: failureOfDeath(death) });
        this.#release("it ended");
      },
    };
  }

  /** N2 */
  async #whenStored(report: Report, blobs: AttemptBlobs): Promise<void> {
    this.#storing = true;
    this.#advance({ kind: "codeReturned" });
    const problem = await blobs.settled();
    this.#storing = false;
    this.#reported(report, problem);
  }

  #reported(report: Report, problem: string | null): void {
    const lease = this.#lease;
    this.#advance(problem === null ? { kind: "reported" } : { kind: "notStored", failure: { kind: "store", message: problem } });
    if (lease === null) return;
    this.#release(report.spoiled ?? (report.mayHaveChildren && lease.process.hasChildren() ? "it left processes behind" : null));
  }

  #watchMemory(): void {
    this.#process?.samplePeakMiB();
    if (this.#exceeded()) return;
    this.#watch = setTimeout(() => this.#watchMemory(), this.#process?.isToBeWatched === true ? limitedEveryMs : watchEveryMs);
  }

  /** Ends the attempt where it held more than it may: also where the kernel has ended something that the step started, and not the step. */
  #exceeded(): boolean {
    const excess = this.#process?.excess() ?? null;
    if (excess !== null) this.#advance({ kind: "memoryExceeded", failure: { kind: "outOfMemory", ...excess } });
    return excess !== null;
  }

  #advance(event: AttemptEvent): void {
    const waited = this.#state.kind === "waiting";
    const { state, actions } = advanceAttempt(this.#state, event);
    this.#state = state;
    if (waited && state.kind === "ended") this.#pool.withdraw(this.#wanted);
    for (const action of actions) this.#act(action);
    // An order that never had a process has nothing to release.
    if (state.kind === "ended" && this.#lease === null && actions.length > 0) this.#events.onEnded();
  }

  #act(action: AttemptAction): void {
    switch (action.kind) {
      case "armTimeout":
        return this.#armTimeout(action.seconds, action.seconds * 1000);
      case "disarmTimeout":
        return clearTimeout(this.#timeout);
      case "abort":
        return this.#process?.abort(action.failure, action.settleMs);
      case "armGrace":
        return this.#armGrace(action.ms);
      case "terminate":
        this.#process?.signal("SIGTERM");
        return this.#armGrace(terminatedGraceMs);
      case "kill":
        return this.#process?.signal("SIGKILL");
      case "deliverReport":
        return this.#deliver(this.#report?.outcome ?? new Uint8Array());
      case "deliverFailure":
        return this.#deliver(Buffer.from(JSON.stringify(this.#failed(action.failure))));
      case "forget":
        return undefined;
      default:
        return unreachable(action);
    }
  }

  #armTimeout(seconds: number, ms: number): void {
    const now = Math.min(ms, timerMsMax);
    this.#timeout = setTimeout(() => {
      if (ms > now) this.#armTimeout(seconds, ms - now);
      else this.#advance({ kind: "timeoutDue", afterSeconds: seconds });
    }, now);
  }

  #armGrace(ms: number): void {
    this.#grace = setTimeout(() => this.#advance({ kind: "graceOver" }), Math.min(ms, timerMsMax));
  }

  #deliver(outcome: Uint8Array): void {
    this.#log.end(Date.now());
    this.#events.onOutcome(outcome);
  }

  #failed(failure: Failure): TaskOutcome {
    const usage = { startedAtMs: this.#startedAtMs, finishedAtMs: Date.now(), cpuMs: 0, peakMiB: this.#process?.samplePeakMiB() ?? 0 };
    return { kind: "failed", failure, artifacts: {}, usage };
  }

  #release(spoiled: string | null): void {
    const lease = this.#lease;
    if (lease === null) return;
    this.#lease = null;
    clearTimeout(this.#timeout);
    clearTimeout(this.#grace);
    clearTimeout(this.#watch);
    this.#events.blobs?.close();
    lease.release(this.#head.isolated ? (spoiled ?? "its task was isolated") : spoiled);
    this.#events.onEnded();
  }
}

/** Between SIGTERM and SIGKILL, the rest of a stop's grace time. Milliseconds. */
const terminatedGraceMs = 1000;
