// The stream and the consumer of one pool: their names, their settings, and making them where they aren't.
//
// S1. Making them is asked for once at a time and remembered until somebody has seen that they are gone.
// S2. A stream of that name that is something else is left as it is.
// S3. The consumer is always a new one, so that what an earlier one was given and never acknowledged comes at once.
// S4. Nothing is made while the server may still be removing it: a stream made too early loses its folder for good.

import type { Clock } from "../../ports/clock.ts";
import { AckPolicy, DeliverPolicy, DiscardPolicy, ReplayPolicy, RetentionPolicy, StorageType, type ConsumerConfig } from "nats";
import type { JetStreamManager, StreamConfig } from "nats";
import { messageBytesMax } from "./hint.ts";
import { apiCodeOf, NatsQueueError, textOf } from "./nats-queue-error.ts";

/** Some 100,000 hints: many times what a pool's window publishes. What comes on top is refused, and published later. */
export const streamBytesMax = 32 * 2 ** 20;
/** Twice as long as we try to publish a message; the server remembers every message for that long. */
const duplicateWindowMs = 10_000;
/** What a server takes at most, as far as we saw, to remove the files of a stream that is gone for its clients. */
const removalMs = 250;
/** Hints that may be with us, unacknowledged. The server's default of 1,000 would hold back a wide run without a word. */
const ackPendingMax = 65_536;

export const consumerName = "coordinator";

const prefixPattern = /^[A-Za-z0-9_-]{1,64}$/;

/** JetStream's numbers for its errors. */
const api = {
  otherStream: 10058,
  storageFull: 10047,
  noReplicas: 10074,
  tooFewPeers: 10005,
  noStream: 10059,
  noConsumer: 10014,
};

export type PoolStreamOptions = {
  /** So that several coordinators can share a server. */
  readonly prefix: string;
  readonly pool: string;
  readonly replicas: number;
  readonly ackWaitMs: number;
  readonly clock: Clock;
};

export class PoolStream {
  readonly name: string;
  /** Of messages with any number of hints. */
  readonly #subjects: string;
  readonly #options: PoolStreamOptions;
  #ready: Promise<void> | null = null;
  #notBeforeMs = 0;
  #spoiled = false;

  /** @throws NatsQueueError */
  constructor(options: PoolStreamOptions) {
    const { prefix, pool } = options;
    if (!prefixPattern.test(prefix)) {
      throw new NatsQueueError("refused", `"${prefix}" cannot prefix names in NATS: 1 to 64 letters, digits, _ and -`);
    }
    this.#options = options;
    // No prefix holds "=", so no two pairs of prefix and pool share a name.
    this.name = `${prefix}=${escaped(pool)}`;
    this.#subjects = `${prefix}.${escaped(pool)}.*`;
  }

  /** Where a message with so many hints goes. */
  subjectOf(count: number): string {
    return this.#subjects.replace("*", String(count));
  }

  /** Hints in the stream, acknowledged ones not counted: the server counts messages by subject. */
  async depth(manager: JetStreamManager): Promise<number> {
    const { state } = await manager.streams.info(this.name, { subjects_filter: ">" });
    let hints = 0;
    for (const [subject, messages] of Object.entries(state.subjects ?? {})) {
      const count = Number(subject.slice(subject.lastIndexOf(".") + 1));
      // What others put there is no hint, but it is something.
      hints += messages * (Number.isSafeInteger(count) ? count : 1);
    }
    return hints;
  }

  /** Resolves when stream and consumer are there. @throws NatsQueueError, NatsError */
  ready(manager: JetStreamManager): Promise<void> {
    if (this.#ready !== null) return this.#ready; // S1
    const ready = this.#make(manager).catch((error: unknown) => {
      if (this.#ready === ready) this.#ready = null;
      throw error;
    });
    this.#ready = ready;
    return ready;
  }

  /** Others may have changed them meanwhile: looks for them, and makes what is missing. */
  check(): void {
    this.#ready = null;
  }

  /** Somebody has seen that they are gone, or that nobody answers for them. */
  lost(): void {
    this.#ready = null;
    this.#notBeforeMs = this.#options.clock.monotonicMs() + removalMs;
  }

  /** The server cannot store in the stream: it is replaced by a new one. What it held is published again. */
  spoiled(): void {
    this.#ready = null;
    this.#spoiled = true;
  }

  async #make(manager: JetStreamManager): Promise<void> {
    if (this.#spoiled) {
      this.#spoiled = false;
      await manager.streams.delete(this.name).catch(ignoreGone);
      this.#notBeforeMs = this.#options.clock.monotonicMs() + removalMs;
    }
    await this.#pause(); // S4
    await this.#makeStream(manager);
    await manager.consumers.delete(this.name, consumerName).catch(ignoreGone); // S3
    await manager.consumers.add(this.name, this.#consumerConfig());
  }

  async #pause(): Promise<void> {
    const { clock } = this.#options;
    const waitMs = this.#notBeforeMs - clock.monotonicMs();
    if (waitMs > 0) await new Promise<void>((resolve) => clock.after(waitMs, resolve));
  }

  async #makeStream(manager: JetStreamManager): Promise<void> {
    const config = this.#streamConfig();
    try {
      await manager.streams.add(config);
    } catch (error) {
      if (apiCodeOf(error) !== api.otherStream) throw this.#explained(error);
      const { config: found } = await manager.streams.info(this.name);
      if (found.retention !== config.retention || found.storage !== config.storage || found.subjects.join() !== this.#subjects) {
        const hint = "remove it, or choose another prefix";
        throw new NatsQueueError("refused", `NATS has a stream "${this.name}" that is no task queue of ours: ${hint}`); // S2
      }
      await manager.streams.update(this.name, config).catch((cause: unknown) => {
        throw this.#explained(cause);
      });
    }
  }

  #streamConfig(): Partial<StreamConfig> & Pick<StreamConfig, "name"> {
    return {
      name: this.name,
      subjects: [this.#subjects],
      description: "Ready tasks of a Stepwell coordinator. Its ledger is the truth: what is lost here is published again.",
      retention: RetentionPolicy.Workqueue,
      storage: StorageType.File,
      discard: DiscardPolicy.New,
      max_bytes: streamBytesMax,
      max_msg_size: messageBytesMax,
      duplicate_window: nanoseconds(duplicateWindowMs),
      num_replicas: this.#options.replicas,
    };
  }

  #consumerConfig(): Partial<ConsumerConfig> {
    return {
      durable_name: consumerName,
      ack_policy: AckPolicy.Explicit,
      deliver_policy: DeliverPolicy.All,
      replay_policy: ReplayPolicy.Instant,
      ack_wait: nanoseconds(this.#options.ackWaitMs),
      max_deliver: -1,
      max_ack_pending: ackPendingMax,
    };
  }

  #explained(error: unknown): unknown {
    const code = apiCodeOf(error);
    const replicas = this.#options.replicas;
    if (code === api.storageFull) {
      const hint = "raise max_file_store in the server's jetstream block, or free its disk";
      return new NatsQueueError("refused", `NATS has no ${streamBytesMax / 2 ** 20} MiB left for the tasks of a pool: ${hint}`, {
        cause: error,
      });
    }
    if (replicas > 1 && (code === api.noReplicas || code === api.tooFewPeers)) {
      const hint = "ask for 1, or join as many servers into a cluster";
      return new NatsQueueError("refused", `NATS cannot keep ${replicas} copies of the queue (${textOf(error)}): ${hint}`, {
        cause: error,
      });
    }
    return error;
  }
}

function ignoreGone(error: unknown): void {
  if (!isGone(error)) throw error;
}

/** Whether the error says that the stream or its consumer isn't there. */
export function isGone(error: unknown): boolean {
  const code = apiCodeOf(error);
  return code === api.noStream || code === api.noConsumer;
}

export function nanoseconds(ms: number): number {
  return Math.round(ms * 1_000_000);
}

/** Names of streams and words of subjects may not hold everything that a pool's name may. */
function escaped(pool: string): string {
  return Buffer.from(pool, "utf8").reduce((text, byte) => {
    const character = String.fromCharCode(byte);
    return text + (/[A-Za-z0-9_-]/.test(character) ? character : `=${byte.toString(16).padStart(2, "0")}`);
  }, "");
}
