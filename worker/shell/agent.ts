// A worker: offers slots to a coordinator, runs what it is assigned, and answers for every assignment until the
// answer is accepted.
//
// W1. An assignment is answered once, or revoked. Its outcome is sent again on every new stream until it is accepted.
// W2. Beats name everything that is held: what runs, and what waits to be accepted. They come from the worker's own
//     event loop, which runs no step code.
// W3. While the coordinator is away, steps run on; when it stays away too long they are ended and the worker gives up.
// W4. A worker that slept for longer than its lease asks anew what it may keep, on a new stream: the old one may be dead
//     without anybody having noticed.

import { unreachable } from "../../proto/unreachable.ts";
import { creditToAsk } from "../core/credit.ts";
import type { CoordinatorItem, Held, Hello, LogText, WorkerItem } from "../../sdk/wire/worker-items.ts";
import type { StreamEnd, WorkerStream, WorkerStreamEvents } from "../../sdk/wire/worker-stream.ts";
import { nextRetryMs } from "../core/reconnect.ts";
import type { WorkerLog } from "../ports/log.ts";
import { AbsenceLog } from "./absence-log.ts";
import { AttemptRun } from "./attempt-run.ts";
import type { WorkerBlobs } from "./blobs/worker-blobs.ts";
import { parseOrderHead, type OrderHead } from "./order-head.ts";
import { keyOf, Outbox } from "./outbox.ts";
import { failedToStart, reportable } from "./own-outcome.ts";
import { Wakefulness } from "./wakefulness.ts";
import type { ProcessPool } from "./process-pool.ts";
import type { MachineLoad } from "../../proto/view.ts";
import type { WorkerFigures } from "./worker-metrics.ts";

export type AgentOptions = {
  readonly hello: Omit<Hello, "held">;
  readonly pool: ProcessPool;
  /** How busy this machine is. */
  readonly load: () => MachineLoad;
  /** Null where it is known from the start that task processes have the coordinator's own store. */
  readonly blobs: WorkerBlobs | null;
  readonly log: WorkerLog;
  /** Every order gets a fresh process. */
  readonly isolated: boolean;
  /** How long the coordinator may be away. Milliseconds. */
  readonly awayMsMax: number;
  /** It waits for its coordinator for longer than that, as long as it holds nothing. */
  readonly lasting: boolean;
};

/** Why a worker has given up its coordinator; `refused`: another worker would be refused as well. */
export type Lost = { readonly reason: string; readonly refused: boolean };

/** Opens a stream to the coordinator; one that cannot be reached ends it. */
export type OpenStream = (events: WorkerStreamEvents) => WorkerStream;

type Connection =
  /** There is nothing to connect to yet. */
  | { readonly kind: "unopened" }
  | { readonly kind: "closed" }
  /** Waiting to try again. */
  | { readonly kind: "away"; readonly retry: NodeJS.Timeout }
  | { readonly kind: "greeting"; readonly link: WorkerStream; readonly silence: NodeJS.Timeout }
  | { readonly kind: "welcomed"; readonly link: WorkerStream; readonly beats: NodeJS.Timeout };

/** Tries before the first welcome that are nothing to worry about: together about a second. */
const quietTries = 6;
/** A coordinator that accepts a stream and says nothing is taken for broken. Milliseconds. */
const welcomeMsMax = 10_000;
/** An attempt that runs for longer is named without waiting for the next beat: its assignment has arrived. Milliseconds. */
const acknowledgeMs = 100;
/** What a step gets to tidy up when its task goes back. Milliseconds. */
const returnGraceMs = 2000;

export class Agent {
  /** Settles with the reason when the worker has given up its coordinator. It has ended everything by then. */
  readonly lost: Promise<Lost>;
  /** Resolves when the coordinator has sent the worker away, and everything that ran has ended and been accepted. */
  readonly sentAway: Promise<void>;
  readonly #options: AgentOptions;
  readonly #running = new Map<string, { readonly of: Held; readonly run: AttemptRun }>();
  readonly #outbox = new Outbox();
  readonly #absence: AbsenceLog;
  readonly #ended = { succeeded: 0, failed: 0, revoked: 0 };
  readonly #settleLost: (lost: Lost) => void;
  readonly #settleSentAway: () => void;
  #connection: Connection = { kind: "unopened" };
  #asked = 0;
  #draining = false;
  #blobsKnown: boolean;
  #failedTries = 0;
  #wasWelcomed = false;
  #giveUp: NodeJS.Timeout | undefined;
  #acknowledging: NodeJS.Timeout | undefined;
  #whenEmpty: (() => void)[] = [];

  constructor(options: AgentOptions) {
    this.#options = options;
    this.#absence = new AbsenceLog(options.log, options.hello.worker);
    this.#blobsKnown = options.blobs === null;
    const { promise, resolve } = Promise.withResolvers<Lost>();
    this.lost = promise;
    this.#settleLost = resolve;
    const away = Promise.withResolvers<void>();
    this.sentAway = away.promise;
    this.#settleSentAway = away.resolve;
  }

  get figures(): WorkerFigures {
    const { hello, pool, blobs } = this.#options;
    return {
      connected: this.#connection.kind === "welcomed",
      slots: hello.slots,
      running: this.#running.size,
      unaccepted: this.#outbox.held().length,
      attempts: this.#ended,
      processes: pool.size,
      blobs: blobs?.figures ?? null,
    };
  }

  /** Connects, and again whenever the stream breaks; does nothing after `stop`. */
  start(openStream: OpenStream): void {
    if (this.#connection.kind !== "unopened") return;
    this.#awaitCoordinator();
    this.#connect(openStream);
  }

  /** Takes nothing more; resolves when everything that runs has ended and been accepted. What still runs after `withinMs` goes back. */
  async drain(withinMs: number | null): Promise<void> {
    if (!this.#draining) {
      this.#draining = true;
      this.#send({ kind: "draining" });
    }
    if (this.#isEmpty()) return;
    const late = withinMs === null ? undefined : setTimeout(() => this.#giveBack(), withinMs);
    await new Promise<void>((resolve) => this.#whenEmpty.push(resolve));
    clearTimeout(late);
  }

  /** Ends everything now. What ran is not reported: the coordinator will find it lost. */
  async stop(): Promise<void> {
    this.#close();
    for (const { run } of this.#running.values()) run.revoke();
    await this.#options.pool.close();
    await this.#options.blobs?.close();
  }

  #giveBack(): void {
    // What has only to be accepted comes to its end without being given back.
    if (this.#running.size === 0) return;
    const fields = { event: "worker.returning", worker_id: this.#options.hello.worker, attempts: this.#running.size };
    this.#options.log.warn(fields, "not everything has ended in time: what still runs goes back");
    for (const { run } of this.#running.values()) run.giveBack(this.#options.hello.worker, returnGraceMs);
  }

  #connect(openStream: OpenStream): void {
    // Events of a stream that was given up come too late to matter.
    const isCurrent = (): boolean => "link" in this.#connection && this.#connection.link === link;
    const link: WorkerStream = openStream({
      onItems: (items) => {
        for (const item of items) if (isCurrent()) this.#receive(link, item, openStream);
      },
      onEnd: (end) => {
        if (isCurrent()) this.#disconnected(openStream, end);
      },
    });
    const silence = setTimeout(() => {
      link.close();
      this.#disconnected(openStream, brokenOff("the coordinator accepted a stream and said nothing"));
    }, welcomeMsMax);
    this.#connection = { kind: "greeting", link, silence };
    link.send({ kind: "hello", hello: { ...this.#options.hello, held: this.#held() } });
  }

  #disconnected(openStream: OpenStream, { reason, refused, settled }: StreamEnd): void {
    if (this.#connection.kind === "greeting") clearTimeout(this.#connection.silence);
    if (this.#connection.kind === "welcomed") {
      clearInterval(this.#connection.beats);
      this.#options.blobs?.desk.disconnected();
      this.#awaitCoordinator();
    }
    if (refused) return this.#giveUpCoordinator(`the coordinator refused this worker: ${reason}`, true);
    if (settled && !this.#wasWelcomed) return this.#giveUpCoordinator(reason, true);
    const ms = nextRetryMs({ failedTries: this.#failedTries, wasWelcomed: this.#wasWelcomed, draw: Math.random() });
    this.#failedTries += 1;
    // Where both start together, the coordinator is merely not there yet.
    const worrying = this.#wasWelcomed || this.#failedTries > quietTries;
    this.#absence.failed({ reason, tries: this.#failedTries, retryMs: ms, worrying });
    this.#connection = { kind: "away", retry: setTimeout(() => this.#connect(openStream), ms) };
  }

  #awaitCoordinator(): void {
    const { awayMsMax, lasting } = this.#options;
    this.#giveUp = setTimeout(() => {
      if (!lasting || !this.#isEmpty()) this.#giveUpCoordinator(`no coordinator for ${Math.round(awayMsMax / 1000)} s`);
    }, awayMsMax);
  }

  /** W3 */
  #giveUpCoordinator(reason: string, refused = false): void {
    this.#options.log.error(
      { event: "worker.gaveUp", worker_id: this.#options.hello.worker, reason },
      "the worker gives up and ends what it runs",
    );
    void this.stop().then(() => this.#settleLost({ reason, refused }));
  }

  #close(): void {
    clearTimeout(this.#giveUp);
    clearTimeout(this.#acknowledging);
    const connection = this.#connection;
    this.#connection = { kind: "closed" };
    switch (connection.kind) {
      case "unopened":
      case "closed":
        return;
      case "away":
        return clearTimeout(connection.retry);
      case "greeting":
        clearTimeout(connection.silence);
        return connection.link.close();
      case "welcomed":
        clearInterval(connection.beats);
        return connection.link.close();
      default:
        return unreachable(connection);
    }
  }

  #receive(link: WorkerStream, item: CoordinatorItem, openStream: OpenStream): void {
    switch (item.kind) {
      case "welcome":
        return this.#welcomed(link, item, openStream);
      case "assign":
        return this.#assigned(item.of, item.order);
      case "stop":
        return this.#running.get(keyOf(item.of))?.run.stop(item.by, item.graceMs);
      case "revoke":
        this.#outbox.forget(item.of);
        this.#revoke(item.of);
        return this.#checkEmpty();
      case "accepted":
        this.#outbox.forget(item.of);
        return this.#checkEmpty();
      case "linesKept":
        return this.#outbox.linesKept(item.of, item.lines);
      case "drain":
        void this.drain(null).then(this.#settleSentAway);
        return undefined;
      case "blobsAnswered":
        return this.#options.blobs?.desk.answered(item.id, item.answer);
      default:
        return unreachable(item);
    }
  }

  #welcomed(link: WorkerStream, welcome: Extract<CoordinatorItem, { kind: "welcome" }>, openStream: OpenStream): void {
    const { beatMs, leaseMs, blobs, version } = welcome;
    if (this.#connection.kind === "greeting") clearTimeout(this.#connection.silence);
    clearTimeout(this.#giveUp);
    this.#failedTries = 0;
    this.#absence.over();
    this.#wasWelcomed = true;
    this.#asked = 0;
    this.#options.log.info(
      { event: "worker.welcomed", worker_id: this.#options.hello.worker, coordinator_version: version },
      "the coordinator has this worker",
    );
    const wakefulness = new Wakefulness();
    const beats = setInterval(() => {
      const awayMs = wakefulness.awayMs();
      if (awayMs > leaseMs) this.#wokeUp(link, awayMs, openStream);
      else link.send({ kind: "beat", held: this.#held(), load: this.#options.load() });
    }, beatMs);
    this.#connection = { kind: "welcomed", link, beats };
    for (const item of this.#outbox.all()) link.send(item); // W1
    if (this.#draining) link.send({ kind: "draining" });
    if (this.#options.blobs === null) this.#ask();
    else void this.#useBlobs(link, this.#options.blobs, blobs);
  }

  /** W4 */
  #wokeUp(link: WorkerStream, awayMs: number, openStream: OpenStream): void {
    const fields = { event: "worker.slept", worker_id: this.#options.hello.worker, away_ms: Math.round(awayMs), held: this.#held().length };
    this.#options.log.warn(fields, "this machine or process stood still for longer than its lease");
    link.close();
    this.#disconnected(openStream, brokenOff("asking anew what is still this worker's"));
  }

  /** Work is asked for when its artifacts can be read and written. */
  async #useBlobs(link: WorkerStream, blobs: WorkerBlobs, offer: Uint8Array): Promise<void> {
    blobs.desk.connected((item) => link.send(item));
    try {
      if (await blobs.use(offer)) this.#options.pool.prewarm(this.#options.isolated ? "once" : "warm");
      this.#blobsKnown = true;
      if (this.#connection.kind === "welcomed" && this.#connection.link === link) this.#ask();
    } catch (error) {
      this.#giveUpCoordinator(`the coordinator's blobs cannot be used: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  #ask(): void {
    if (this.#connection.kind !== "welcomed" || !this.#blobsKnown) return;
    const credit = creditToAsk({
      slots: this.#options.hello.slots,
      running: this.#running.size,
      asked: this.#asked,
      draining: this.#draining,
    });
    if (credit === 0) return;
    this.#asked += credit;
    this.#connection.link.send({ kind: "credit", slots: credit });
  }

  #assigned(of: Held, bytes: Uint8Array): void {
    const key = keyOf(of);
    if (this.#running.has(key) || this.#outbox.holds(of)) return; // Sent twice.
    this.#asked = Math.max(0, this.#asked - 1);
    let head: OrderHead;
    try {
      head = parseOrderHead(bytes);
    } catch (error) {
      this.#outcome(of, failedToStart(`the order cannot be read: ${error instanceof Error ? error.message : String(error)}`));
      return this.#ask();
    }
    const order = { bytes, head: this.#options.isolated ? { ...head, isolated: true } : head };
    const run = new AttemptRun(order, this.#options.pool, {
      blobs: this.#options.blobs?.attempt(of) ?? null,
      onLines: (lines) => this.#lines(of, lines),
      onOutcome: (outcome) => this.#outcome(of, outcome),
      onEnded: () => {
        this.#running.delete(key);
        this.#ask();
        this.#checkEmpty();
      },
    });
    this.#running.set(key, { of, run });
    this.#acknowledgeSoon();
    this.#options.log.debug({ event: "attempt.started", ...aboutHeld(of) }, "an attempt was assigned to this worker");
    run.start();
  }

  #revoke(of: Held): void {
    const running = this.#running.get(keyOf(of));
    if (running === undefined) return;
    this.#ended.revoked += 1;
    this.#options.log.info({ event: "attempt.revoked", ...aboutHeld(of) }, "an attempt is not this worker's any more, and is stopped");
    running.run.revoke();
  }

  #lines(of: Held, lines: readonly LogText[]): void {
    const item = this.#outbox.keepLines(of, lines, this.#connection.kind === "welcomed");
    if (item !== null) this.#send(item);
  }

  #outcome(of: Held, reported: Uint8Array): void {
    if (this.#connection.kind === "closed") return;
    const outcome = reportable(reported);
    const how = outcomeOf(outcome);
    this.#ended[how] += 1;
    this.#options.log.debug({ event: "attempt.ended", ...aboutHeld(of), outcome: how }, "an attempt has ended");
    const item = { kind: "outcome", of, outcome } as const;
    this.#outbox.keepOutcome(item);
    this.#send(item);
  }

  #acknowledgeSoon(): void {
    this.#acknowledging ??= setTimeout(() => {
      this.#acknowledging = undefined;
      if (this.#running.size > 0) this.#send({ kind: "beat", held: this.#held() });
    }, acknowledgeMs);
  }

  #send(item: WorkerItem): void {
    if (this.#connection.kind === "welcomed") this.#connection.link.send(item);
  }

  /** W2 */
  #held(): readonly Held[] {
    return [...[...this.#running.values()].map(({ of }) => of), ...this.#outbox.held()];
  }

  #isEmpty(): boolean {
    return this.#running.size === 0 && this.#outbox.isEmpty();
  }

  #checkEmpty(): void {
    if (this.#isEmpty()) for (const resolve of this.#whenEmpty.splice(0)) resolve();
  }
}

function brokenOff(reason: string): StreamEnd {
  return { reason, refused: false, settled: false };
}

const succeeded = '{"kind":"succeeded"';

/** Of the JSON of a TaskOutcome, which begins with its kind. */
function outcomeOf(outcome: Uint8Array): "succeeded" | "failed" {
  return Buffer.from(outcome.buffer, outcome.byteOffset, succeeded.length).toString() === succeeded ? "succeeded" : "failed";
}

function aboutHeld({ run, task, attempt, lease }: Held): Readonly<Record<string, unknown>> {
  return { run_id: run, task_id: task, attempt, lease };
}
