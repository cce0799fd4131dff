// Publishes many messages at a time and waits for their acknowledgements together. The client's own publishing makes a
// request, a timer and an error object of each message, and costs several times as much.
//
// P1. Every message is settled within the time-out: stored, refused, or unknown.
// P2. At most `inFlightMax` messages wait for an acknowledgement; what comes on top waits here.
// P3. After a reconnection what is in flight is sent again under the same message id, so that the stream keeps it once.

import { createInbox, headers, nuid, type Msg, type NatsConnection, type NatsError } from "nats";
import type { Clock } from "../../ports/clock.ts";

export const inFlightMax = 1024;
/** How often time-outs are looked for. */
const sweepMs = 250;

export type Outgoing = {
  readonly subject: string;
  readonly data: Uint8Array;
  /** Tasks in it: what is counted below. */
  readonly count: number;
};

export type Published = {
  readonly stored: number;
  /** Nobody keeps messages of that subject: its stream is gone. */
  readonly homeless: readonly Outgoing[];
  /** Refused by the server, or not answered in time. */
  readonly failed: number;
  /** Why the last of them failed. */
  readonly reason: string;
  /** The server could not store one, though it has a stream for it. */
  readonly spoiled: boolean;
};

const nothing: Published = { stored: 0, homeless: [], failed: 0, reason: "", spoiled: false };

type Batch = {
  left: number;
  stored: number;
  failed: number;
  reason: string;
  spoiled: boolean;
  readonly homeless: Outgoing[];
  readonly resolve: (published: Published) => void;
};

type Message = {
  readonly outgoing: Outgoing;
  readonly id: string;
  readonly deadlineMs: number;
  readonly batch: Batch;
};

export class PublishPipeline {
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  /** By the last word of the subject at which the acknowledgement comes; in the order of their deadlines. */
  readonly #inFlight = new Map<string, Message>();
  #waiting: Message[] = [];
  readonly #origin = nuid.next();
  #count = 0;
  #inbox = "";
  #connection: NatsConnection | null = null;
  #cancelSweep: (() => void) | null = null;

  constructor(options: { readonly clock: Clock; readonly timeoutMs: number }) {
    this.#clock = options.clock;
    this.#timeoutMs = options.timeoutMs;
  }

  attach(connection: NatsConnection): void {
    this.#connection = connection;
    this.#inbox = createInbox();
    connection.subscribe(`${this.#inbox}.*`, { callback: (error, message) => this.#acknowledged(error, message) });
    for (const message of this.#inFlight.values()) this.#send(message); // P3
    this.#sendWaiting();
  }

  detach(): void {
    this.#connection = null;
  }

  publish(all: readonly Outgoing[]): Promise<Published> {
    if (all.length === 0) return Promise.resolve(nothing);
    return new Promise((resolve) => {
      const batch: Batch = { left: all.length, stored: 0, failed: 0, reason: "", spoiled: false, homeless: [], resolve };
      const deadlineMs = this.#clock.monotonicMs() + this.#timeoutMs;
      for (const outgoing of all) {
        const id = `${this.#origin}.${(this.#count++).toString(36)}`;
        this.#waiting.push({ outgoing, id, deadlineMs, batch });
      }
      this.#sendWaiting();
      this.#sweepLater();
    });
  }

  /** Settles everything as unknown. */
  close(): void {
    this.#connection = null;
    this.#cancelSweep?.();
    this.#cancelSweep = null;
    for (const message of this.#takeAll()) fail(message, "the queue has been closed");
  }

  #takeAll(): readonly Message[] {
    const all = [...this.#inFlight.values(), ...this.#waiting];
    this.#inFlight.clear();
    this.#waiting = [];
    return all;
  }

  #sendWaiting(): void {
    if (this.#connection === null) return;
    const room = inFlightMax - this.#inFlight.size; // P2
    for (const message of this.#waiting.splice(0, room)) {
      this.#inFlight.set(message.id, message);
      this.#send(message);
    }
  }

  #send({ id, outgoing: { subject, data } }: Message): void {
    if (this.#connection === null) return;
    const named = headers();
    named.set("Nats-Msg-Id", id);
    try {
      this.#connection.publish(subject, data, { reply: `${this.#inbox}.${id.slice(this.#origin.length + 1)}`, headers: named });
    } catch {
      // The connection has just been closed: it is sent again over the next one, or its time runs out.
    }
  }

  #acknowledged(error: NatsError | null, { subject, headers: said, data }: Msg): void {
    if (error !== null) return; // Of the subscription; the messages' time runs out.
    const id = `${this.#origin}.${subject.slice(subject.lastIndexOf(".") + 1)}`;
    const message = this.#inFlight.get(id);
    if (message === undefined) return; // Sent twice, or too late.
    this.#inFlight.delete(id);
    const { batch } = message;
    if (said?.code === 503) {
      batch.homeless.push(message.outgoing);
      settle(batch);
    } else {
      const refusal = refusalOf(data);
      if (refusal === null) {
        batch.stored += message.outgoing.count;
        settle(batch);
      } else {
        batch.spoiled ||= refusal.ofStore;
        fail(message, refusal.reason);
      }
    }
    if (this.#waiting.length > 0) this.#sendWaiting();
  }

  #sweepLater(): void {
    this.#cancelSweep ??= this.#clock.after(sweepMs, () => {
      this.#cancelSweep = null;
      this.#sweep();
      if (this.#inFlight.size + this.#waiting.length > 0) this.#sweepLater();
    });
  }

  #sweep(): void {
    const nowMs = this.#clock.monotonicMs();
    const reason = `no acknowledgement within ${this.#timeoutMs} ms`;
    for (const [id, message] of this.#inFlight) {
      if (message.deadlineMs > nowMs) break;
      this.#inFlight.delete(id);
      fail(message, reason); // P1
    }
    const late = this.#waiting.findIndex(({ deadlineMs }) => deadlineMs > nowMs);
    for (const message of this.#waiting.splice(0, late < 0 ? this.#waiting.length : late)) fail(message, reason);
    this.#sendWaiting();
  }
}

function fail({ batch, outgoing }: Message, reason: string): void {
  batch.failed += outgoing.count;
  batch.reason = reason;
  settle(batch);
}

function settle(batch: Batch): void {
  batch.left -= 1;
  if (batch.left > 0) return;
  const { stored, homeless, failed, reason, spoiled } = batch;
  batch.resolve({ stored, homeless, failed, reason, spoiled });
}

/** What the server says against the message; null where it has stored it. */
function refusalOf(data: Uint8Array): { readonly reason: string; readonly ofStore: boolean } | null {
  try {
    const answer: unknown = JSON.parse(Buffer.from(data).toString("utf8"));
    if (typeof answer === "object" && answer !== null) {
      const { error, seq } = answer as { readonly error?: { readonly code?: unknown }; readonly seq?: unknown };
      if (typeof error?.code === "number") return { reason: `the server refuses it: ${JSON.stringify(error)}`, ofStore: error.code >= 500 };
      if (typeof seq === "number") return null;
    }
  } catch {
    // Told below.
  }
  return { reason: "the answer is no acknowledgement", ofStore: false };
}
