// Takes the messages of one pool from NATS a little ahead of need, so that a free slot waits for no round trip.
//
// L1. What lies here longer than the server's acknowledgement time is dropped: the server gives it out again.
// L2. A message that comes again while it lies here lies here once (parcel.ts).
// L3. What an earlier consumer gave is never acknowledged to a later one, where it might name another message.
// L4. An acknowledgement waits a moment for something to be written with it. It is never needed at once: what is given out again
//     for want of it is known to be out.
// L5. The server is asked for no more than `prefetchMax` messages ahead, and only while somebody takes.

import { createInbox, type JetStreamManager, type Msg, type NatsConnection, type NatsError } from "nats";
import type { Clock } from "../../ports/clock.ts";
import type { QueuedTask, TakenTask } from "../../ports/task-queue.ts";
import type { CoordinatorLog } from "../../shell/log.ts";
import { unreachable } from "../../../proto/unreachable.ts";
import { parseDelivery, parseHints } from "./hint.ts";
import { Parcel, type Verdict } from "./parcel.ts";
import { consumerName, isGone, nanoseconds, type PoolStream } from "./pool-stream.ts";

export const prefetchMax = 256;
/** So long the server keeps a request open; so often an idle pool asks again. */
const requestMs = 10_000;
/** An answer to a request that is over is due at once; after this nobody seems to hear it. */
const silenceMs = 1000;
/** What the server has said is on its way. */
const onItsWayMs = 1000;
/** How long an acknowledgement waits for company. */
const acknowledgeMs = 20;
/** Of the time after which the server gives a message to somebody else. */
const freshShare = 0.8;

export type PoolPullOptions = {
  readonly pool: string;
  readonly stream: PoolStream;
  readonly clock: Clock;
  readonly log: CoordinatorLog;
  readonly ackWaitMs: number;
  /** The stream could not be asked. */
  readonly onTrouble: (error: unknown) => void;
};

/** One life of the consumer: what it gave means nothing to the next, whose numbers begin anew. */
type Life = { consumerSeq: number };
type Request = { readonly id: string; remaining: number; readonly deadlineMs: number };
type Taker = { readonly max: number; readonly serve: (tasks: readonly TakenTask[]) => void };
type Line = { readonly connection: NatsConnection; readonly manager: JetStreamManager; readonly inbox: string };

const encoder = new TextEncoder();
const acknowledged = encoder.encode("+ACK");
/** Without a reason: older servers ignore one that has it. */
const terminated = encoder.encode("+TERM");

export class PoolPull {
  readonly #options: PoolPullOptions;
  /** What was given to us and not acknowledged, by its place in the stream. */
  readonly #parcels = new Map<number, Parcel>();
  /** Those with hints that nobody has, in the order in which they came. */
  readonly #waiting = new Map<number, Parcel>();
  readonly #takers: Taker[] = [];
  #requests: Request[] = [];
  #asked = 0;
  #asking: Line | null = null;
  #life: Life = { consumerSeq: 0 };
  /** Where the server waits for an acknowledgement that is due. */
  #unsaid: string[] = [];
  #line: Line | null = null;
  #closed = false;

  constructor(options: PoolPullOptions) {
    this.#options = options;
  }

  /** Tasks that the server still counts though somebody here has them, or has had them. */
  get taken(): number {
    return [...this.#parcels.values()].reduce((sum, parcel) => sum + parcel.taken, 0);
  }

  attach(connection: NatsConnection, manager: JetStreamManager): void {
    const inbox = createInbox();
    this.#line = { connection, manager, inbox };
    this.#begin();
    connection.subscribe(`${inbox}.*`, { callback: (error, message) => this.#receive(error, message) });
    if (this.#takers.length > 0) void this.#ask();
  }

  detach(): void {
    this.#line = null;
    this.#requests = [];
  }

  /** The stream is gone, and what came from it means nothing any more. */
  streamLost(): void {
    this.#options.stream.lost();
    this.#begin();
    if (this.#takers.length > 0) void this.#ask();
  }

  /** Everything that is not acknowledged comes again. */
  #begin(): void {
    this.#unsaid = []; // L3
    this.#life = { consumerSeq: 0 };
    this.#requests = [];
    this.#waiting.clear();
    this.#parcels.clear();
  }

  async take(max: number, waitMs: number): Promise<readonly TakenTask[]> {
    if (this.#closed) return [];
    const here = this.#shift(max);
    void this.#ask();
    if (here.length > 0) return here;
    const untilMs = waitMs > 0 ? waitMs : await this.#onTheirWayMs();
    const came = this.#shift(max);
    return came.length > 0 || untilMs === 0 || this.#closed ? came : this.#wait(max, untilMs);
  }

  /** Lets those who wait go. The next consumer gets what lies here. */
  close(): void {
    this.#closed = true;
    this.sayAcknowledged();
    this.#waiting.clear();
    for (const taker of this.#takers.splice(0)) taker.serve([]);
    this.#line = null;
  }

  #wait(max: number, waitMs: number): Promise<readonly TakenTask[]> {
    return new Promise((resolve) => {
      const stop = this.#options.clock.after(waitMs, () => {
        this.#takers.splice(this.#takers.indexOf(taker), 1);
        resolve([]);
      });
      const taker: Taker = {
        max,
        serve: (tasks) => {
          stop();
          resolve(tasks);
        },
      };
      this.#takers.push(taker);
    });
  }

  /** For who won't wait: how long to wait for what the server has sent, or will at once; 0 where it has nothing. */
  async #onTheirWayMs(): Promise<number> {
    if (this.#line === null) return 0;
    try {
      await this.#options.stream.ready(this.#line.manager);
      const info = await this.#line.manager.consumers.info(this.#options.stream.name, consumerName);
      return info.num_pending > 0 || info.delivered.consumer_seq > this.#life.consumerSeq ? onItsWayMs : 0;
    } catch (error) {
      this.#options.onTrouble(error);
      return 0;
    }
  }

  #shift(max: number): TakenTask[] {
    const taken: TakenTask[] = [];
    const freshMs = this.#options.clock.monotonicMs() - this.#options.ackWaitMs * freshShare;
    for (const [seq, parcel] of this.#waiting) {
      if (taken.length >= max) break;
      const isFresh = parcel.takenOnceMs >= freshMs; // L1
      for (let next = isFresh ? parcel.next() : null; ; next = parcel.next()) {
        if (next !== null) taken.push(this.#give(seq, parcel, next));
        else this.#waiting.delete(seq);
        if (next === null || taken.length >= max) break;
      }
    }
    return taken;
  }

  #give(seq: number, parcel: Parcel, { index, queued }: { readonly index: number; readonly queued: QueuedTask }): TakenTask {
    const life = this.#life;
    const tell = (judge: () => Verdict): void => {
      if (life === this.#life) this.#tell(seq, parcel, judge()); // L3
    };
    return { queued, ack: () => tell(() => parcel.acknowledge(index)), nak: (delayMs) => tell(() => parcel.refuse(index, delayMs)) };
  }

  #tell(seq: number, parcel: Parcel, verdict: Verdict): void {
    switch (verdict.kind) {
      case "open":
        return;
      case "acknowledge":
        this.#parcels.delete(seq);
        this.#waiting.delete(seq);
        return this.#acknowledge(parcel.ackSubject);
      case "refuse":
        return this.#say(parcel.ackSubject, refusal(verdict.delayMs));
      default:
        return unreachable(verdict);
    }
  }

  /** L4 */
  #acknowledge(ackSubject: string): void {
    this.#unsaid.push(ackSubject);
    if (this.#unsaid.length === 1) this.#options.clock.after(acknowledgeMs, () => this.sayAcknowledged(), { background: true });
  }

  /** To be called when something else is about to be written, or is to see the effect. */
  sayAcknowledged(): void {
    for (const ackSubject of this.#unsaid.splice(0)) this.#say(ackSubject, acknowledged);
  }

  /** What cannot be said now is taken for unsaid: the message comes again. */
  #say(ackSubject: string, payload: Uint8Array): void {
    try {
      this.#line?.connection.publish(ackSubject, payload);
    } catch {
      // The connection has just been closed.
    }
  }

  /** Asks the server for what is wanted and not asked for yet. */
  async #ask(): Promise<void> {
    const line = this.#line;
    if (line === null || this.#asking === line || this.#closed) return;
    this.#forgetSilent();
    let open = 0;
    for (const parcel of this.#waiting.values()) open += parcel.waiting;
    for (const { remaining } of this.#requests) open += remaining;
    const batch = prefetchMax - open; // L5
    if (batch < prefetchMax / 2) return;
    this.#asking = line;
    try {
      await this.#options.stream.ready(line.manager);
      if (this.#line !== line) return;
      const id = (this.#asked++).toString(36);
      this.#requests.push({ id, remaining: batch, deadlineMs: this.#options.clock.monotonicMs() + requestMs + silenceMs });
      const request = JSON.stringify({ batch, expires: nanoseconds(requestMs) });
      line.connection.publish(`$JS.API.CONSUMER.MSG.NEXT.${this.#options.stream.name}.${consumerName}`, request, {
        reply: `${line.inbox}.${id}`,
      });
    } catch (error) {
      this.#options.onTrouble(error);
    } finally {
      if (this.#asking === line) this.#asking = null;
    }
  }

  /** A consumer that isn't there does not answer; so requests that are overdue tell that it may be gone. */
  #forgetSilent(): void {
    const nowMs = this.#options.clock.monotonicMs();
    if (this.#requests.every(({ deadlineMs }) => deadlineMs > nowMs)) return;
    this.#options.stream.lost();
    this.#begin();
  }

  #receive(error: NatsError | null, message: Msg): void {
    if (error !== null) return this.#options.onTrouble(error);
    const ackSubject = message.reply ?? "";
    const delivery = parseDelivery(ackSubject);
    if (delivery === null) return this.#told(message);
    this.#life.consumerSeq = Math.max(this.#life.consumerSeq, delivery.consumerSeq);
    // Which request it answers isn't said; the server serves them in turn.
    const request = this.#requests[0];
    if (request !== undefined && --request.remaining <= 0) this.#requests.shift();
    this.#keep(delivery.streamSeq, message.data, ackSubject);
    this.#serve();
  }

  #keep(seq: number, data: Uint8Array, ackSubject: string): void {
    const delivered = { ackSubject, nowMs: this.#options.clock.monotonicMs() };
    const known = this.#parcels.get(seq);
    if (known !== undefined) {
      known.cameAgain(delivered); // L2
      this.#waiting.set(seq, known);
      return;
    }
    const hints = parseHints(data);
    if (hints === null) return this.#refusePoison(ackSubject, data);
    const parcel = new Parcel(hints, delivered);
    this.#parcels.set(seq, parcel);
    this.#waiting.set(seq, parcel);
  }

  /** The server says that a request is over: nothing came in its time, or its consumer is gone. */
  #told({ subject, headers }: Msg): void {
    const id = subject.slice(subject.lastIndexOf(".") + 1);
    const open = this.#requests.filter((request) => request.id !== id);
    if (open.length === this.#requests.length) return; // Of a stream that is known to be gone.
    this.#requests = open;
    if (headers?.code === 409 && headers.description.includes("Deleted")) this.streamLost();
    else if (this.#takers.length > 0) void this.#ask();
  }

  #refusePoison(ackSubject: string, data: Uint8Array): void {
    this.#say(ackSubject, terminated);
    const { pool, log, stream } = this.#options;
    const excerpt = Buffer.from(data.subarray(0, 80)).toString("latin1");
    log.warn(
      { event: "queue.poison", pool, stream: stream.name, bytes: data.length, excerpt },
      "the task queue held something that is no task; it was removed",
    );
  }

  #serve(): void {
    for (let taker = this.#takers[0]; taker !== undefined; taker = this.#takers[0]) {
      const tasks = this.#shift(taker.max);
      if (tasks.length === 0) return;
      this.#takers.shift();
      taker.serve(tasks);
    }
  }

  /** Whether the error says so; then everything is made again when it is needed. */
  noticeGone(error: unknown): boolean {
    if (!isGone(error)) return false;
    this.streamLost();
    return true;
  }
}

function refusal(delayMs: number): Uint8Array {
  return encoder.encode(delayMs <= 0 ? "-NAK" : `-NAK ${JSON.stringify({ delay: nanoseconds(delayMs) })}`);
}
