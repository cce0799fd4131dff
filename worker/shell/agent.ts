// A worker: offers slots to a coordinator, runs what it is assigned, and answers for every assignment until the
// answer is accepted.
//
// W1. An assignment is answered once, or revoked. Its outcome is sent again on every new stream until it is accepted.
// W2. Beats name everything that is held: what runs, and what waits to be accepted. They come from the worker's own
//     event loop, which runs no step code.
// W3. While the coordinator is away, steps run on; when it stays away too long they are ended and the worker gives up.

import type { Failure } from "../../proto/failure.ts";
import type { TaskOutcome } from "../../proto/order.ts";
import { unreachable } from "../../proto/unreachable.ts";
import { creditToAsk } from "../core/credit.ts";
import { requestBytesMax } from "../../sdk/wire/channel-options.ts";
import type { CoordinatorItem, Held, Hello, LogText, WorkerItem } from "../../sdk/wire/worker-items.ts";
import type { WorkerStream, WorkerStreamEvents } from "../../sdk/wire/worker-stream.ts";
import type { WorkerLog } from "../ports/log.ts";
import { AttemptRun } from "./attempt-run.ts";
import type { WorkerBlobs } from "./blobs/worker-blobs.ts";
import { parseOrderHead, type OrderHead } from "./order-head.ts";
import { Outbox } from "./outbox.ts";
import type { ProcessPool } from "./process-pool.ts";

export type AgentOptions = {
  readonly hello: Omit<Hello, "held">;
  readonly pool: ProcessPool;
  /** Null where it is known from the start that task processes have the coordinator's own store. */
  readonly blobs: WorkerBlobs | null;
  readonly log: WorkerLog;
  /** Every order gets a fresh process. */
  readonly isolated: boolean;
  /** How long the coordinator may be away. Milliseconds. */
  readonly awayMsMax: number;
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

/** First wait before a stream is opened again; it doubles up to `retryMsMax`, and each is spread by half of it to both sides. */
const retryMsMin = 200;
/** Before the first welcome: a worker may be there a moment before its coordinator is. */
const firstRetryMsMin = 20;
const retryMsMax = 5000;
/** Tries before the first welcome that are nothing to worry about: together about a second. */
const quietTries = 6;
/** What a coordinator takes of one task: references, and the values that ride inline. Bytes. */
const outcomeBytesMax = requestBytesMax / 2;
/** A coordinator that accepts a stream and says nothing is taken for broken. Milliseconds. */
const welcomeMsMax = 10_000;

export class Agent {
  /** Settles with the reason when the worker has given up its coordinator. It has ended everything by then. */
  readonly lost: Promise<Lost>;
  /** Resolves when the coordinator has sent the worker away, and everything that ran has ended and been accepted. */
  readonly sentAway: Promise<void>;
  readonly #options: AgentOptions;
  readonly #running = new Map<string, { readonly of: Held; readonly run: AttemptRun }>();
  readonly #outbox = new Outbox();
  readonly #settleLost: (lost: Lost) => void;
  readonly #settleSentAway: () => void;
  #connection: Connection = { kind: "unopened" };
  #asked = 0;
  #draining = false;
  #blobsKnown: boolean;
  #failedTries = 0;
  #wasWelcomed = false;
  #giveUp: NodeJS.Timeout | undefined;
  #whenEmpty: (() => void) | null = null;

  constructor(options: AgentOptions) {
    this.#options = options;
    this.#blobsKnown = options.blobs === null;
    const { promise, resolve } = Promise.withResolvers<Lost>();
    this.lost = promise;
    this.#settleLost = resolve;
    const away = Promise.withResolvers<void>();
    this.sentAway = away.promise;
    this.#settleSentAway = away.resolve;
  }

  /** Connects, and again whenever the stream breaks; does nothing after `stop`. */
  start(openStream: OpenStream): void {
    if (this.#connection.kind !== "unopened") return;
    this.#awaitCoordinator();
    this.#connect(openStream);
  }

  /** Takes nothing more; resolves when everything that runs has ended and been accepted. */
  async drain(): Promise<void> {
    if (!this.#draining) {
      this.#draining = true;
      this.#send({ kind: "draining" });
    }
    if (this.#running.size > 0 || !this.#outbox.isEmpty()) await new Promise<void>((resolve) => (this.#whenEmpty = resolve));
  }

  /** Ends everything now. What ran is not reported: the coordinator will find it lost. */
  async stop(): Promise<void> {
    this.#close();
    for (const { run } of this.#running.values()) run.revoke();
    await this.#options.pool.close();
    await this.#options.blobs?.close();
  }

  #connect(openStream: OpenStream): void {
    // Events of a stream that was given up come too late to matter.
    const isCurrent = (): boolean => "link" in this.#connection && this.#connection.link === link;
    const link: WorkerStream = openStream({
      onItems: (items) => {
        for (const item of items) if (isCurrent()) this.#receive(link, item);
      },
      onEnd: ({ reason, refused }) => {
        if (isCurrent()) this.#disconnected(openStream, { reason, refused });
      },
    });
    const silence = setTimeout(() => {
      link.close();
      this.#disconnected(openStream, { reason: "the coordinator accepted a stream and said nothing", refused: false });
    }, welcomeMsMax);
    this.#connection = { kind: "greeting", link, silence };
    link.send({ kind: "hello", hello: { ...this.#options.hello, held: this.#held() } });
  }

  #disconnected(openStream: OpenStream, { reason, refused }: { readonly reason: string; readonly refused: boolean }): void {
    if (this.#connection.kind === "greeting") clearTimeout(this.#connection.silence);
    if (this.#connection.kind === "welcomed") {
      clearInterval(this.#connection.beats);
      this.#options.blobs?.desk.disconnected();
      this.#awaitCoordinator();
    }
    if (refused) return this.#giveUpCoordinator(`the coordinator refused this worker: ${reason}`, true);
    const ms = Math.min(retryMsMax, (this.#wasWelcomed ? retryMsMin : firstRetryMsMin) * 2 ** this.#failedTries) * (0.5 + Math.random());
    this.#failedTries += 1;
    // Where both start together, the coordinator is merely not there yet.
    const level = this.#wasWelcomed || this.#failedTries > quietTries ? "warn" : "info";
    this.#options.log[level]({ event: "worker.disconnected", err: reason, retry_ms: Math.round(ms) }, "no connection to the coordinator");
    this.#connection = { kind: "away", retry: setTimeout(() => this.#connect(openStream), ms) };
  }

  #awaitCoordinator(): void {
    const { awayMsMax } = this.#options;
    this.#giveUp = setTimeout(() => this.#giveUpCoordinator(`no coordinator for ${Math.round(awayMsMax / 1000)} s`), awayMsMax);
  }

  /** W3 */
  #giveUpCoordinator(reason: string, refused = false): void {
    this.#options.log.error({ event: "worker.lost", err: reason }, "the worker gives up and ends what it runs");
    void this.stop().then(() => this.#settleLost({ reason, refused }));
  }

  #close(): void {
    clearTimeout(this.#giveUp);
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

  #receive(link: WorkerStream, item: CoordinatorItem): void {
    switch (item.kind) {
      case "welcome":
        return this.#welcomed(link, item);
      case "assign":
        return this.#assigned(item.of, item.order);
      case "stop":
        return this.#running.get(keyOf(item.of))?.run.stop(item.by, item.graceMs);
      case "revoke":
        this.#outbox.forget(keyOf(item.of));
        this.#running.get(keyOf(item.of))?.run.revoke();
        return this.#checkEmpty();
      case "accepted":
        this.#outbox.forget(keyOf(item.of));
        return this.#checkEmpty();
      case "drain":
        void this.drain().then(this.#settleSentAway);
        return undefined;
      case "blobsAnswered":
        return this.#options.blobs?.desk.answered(item.id, item.answer);
      default:
        return unreachable(item);
    }
  }

  #welcomed(link: WorkerStream, { beatMs, blobs, version }: Extract<CoordinatorItem, { kind: "welcome" }>): void {
    if (this.#connection.kind === "greeting") clearTimeout(this.#connection.silence);
    clearTimeout(this.#giveUp);
    this.#failedTries = 0;
    this.#wasWelcomed = true;
    this.#asked = 0;
    this.#options.log.info(
      { event: "worker.welcomed", worker_id: this.#options.hello.worker, coordinator_version: version },
      "the coordinator has this worker",
    );
    const beats = setInterval(() => link.send({ kind: "beat", held: this.#held() }), beatMs);
    this.#connection = { kind: "welcomed", link, beats };
    for (const item of this.#outbox.takeAll()) link.send(item); // W1
    if (this.#draining) link.send({ kind: "draining" });
    if (this.#options.blobs === null) this.#ask();
    else void this.#useBlobs(link, this.#options.blobs, blobs);
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
    if (this.#running.has(key) || this.#outbox.holds(key)) return; // Sent twice.
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
    run.start();
  }

  #lines(of: Held, lines: readonly LogText[]): void {
    const item: WorkerItem = { kind: "logs", of, lines };
    if (this.#connection.kind === "welcomed") this.#connection.link.send(item);
    else this.#outbox.keepLines(item);
  }

  #outcome(of: Held, reported: Uint8Array): void {
    if (this.#connection.kind === "closed") return;
    const outcome = reported.length <= outcomeBytesMax ? reported : failedToStart(tooLarge(reported.length));
    const item: WorkerItem = { kind: "outcome", of, outcome };
    this.#outbox.keepOutcome(keyOf(of), item);
    this.#send(item);
  }

  #send(item: WorkerItem): void {
    if (this.#connection.kind === "welcomed") this.#connection.link.send(item);
  }

  /** W2 */
  #held(): readonly Held[] {
    return [...[...this.#running.values()].map(({ of }) => of), ...this.#outbox.held()];
  }

  #checkEmpty(): void {
    if (this.#running.size > 0 || !this.#outbox.isEmpty()) return;
    this.#whenEmpty?.();
    this.#whenEmpty = null;
  }
}

function tooLarge(bytes: number): string {
  const mebibytes = (size: number): number => Math.ceil(size / 1024 / 1024);
  return `the outcome takes ${mebibytes(bytes)} MiB, and at most ${mebibytes(outcomeBytesMax)} can be reported: keep fewer artifacts, or hold them together in one`;
}

function keyOf(held: Held): string {
  return `${held.run}/${held.task}/${held.attempt}/${held.lease}`;
}

function failedToStart(message: string): Uint8Array {
  const failure: Failure = { kind: "start", message };
  const nowMs = Date.now();
  const outcome: TaskOutcome = {
    kind: "failed",
    failure,
    artifacts: {},
    usage: { startedAtMs: nowMs, finishedAtMs: nowMs, cpuMs: 0, peakMiB: 0 },
  };
  return Buffer.from(JSON.stringify(outcome));
}
