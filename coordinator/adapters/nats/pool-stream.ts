// The stream and the consumer of one pool: their names, their settings, and making them where they aren't.
//
// S1. Making them is asked for once at a time and remembered until somebody has seen that they are gone.
// S2. A stream of that name that is something else is left as it is.

import { AckPolicy, DeliverPolicy, DiscardPolicy, ReplayPolicy, RetentionPolicy, StorageType, type ConsumerConfig } from "nats";
import type { JetStreamManager, StreamConfig } from "nats";
import { hintBytesMax } from "./hint.ts";
import { apiCodeOf, NatsQueueError, textOf } from "./nats-queue-error.ts";

/** About 100,000 hints: many times what a pool's window publishes. What comes on top is refused, and published later. */
export const streamBytesMax = 32 * 2 ** 20;
/** Twice as long as we try to publish a message; the server remembers every message for that long. */
const duplicateWindowMs = 10_000;
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
  consumerExists: 10148,
  noStream: 10059,
  noConsumer: 10014,
};

export type PoolStreamOptions = {
  /** So that several coordinators can share a server. */
  readonly prefix: string;
  readonly pool: string;
  readonly replicas: number;
  readonly ackWaitMs: number;
};

export class PoolStream {
  readonly name: string;
  readonly subject: string;
  readonly #options: PoolStreamOptions;
  #ready: Promise<void> | null = null;

  /** @throws NatsQueueError */
  constructor(options: PoolStreamOptions) {
    const { prefix, pool } = options;
    if (!prefixPattern.test(prefix)) {
      throw new NatsQueueError("refused", `"${prefix}" cannot prefix names in NATS: 1 to 64 letters, digits, _ and -`);
    }
    this.#options = options;
    // No prefix holds "=", so no two pairs of prefix and pool share a name.
    this.name = `${prefix}=${escaped(pool)}`;
    this.subject = `${prefix}.${escaped(pool)}`;
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

  /** Somebody has seen that they are gone, or that nobody answers for them. */
  lost(): void {
    this.#ready = null;
  }

  async #make(manager: JetStreamManager): Promise<void> {
    await this.#makeStream(manager);
    const config = this.#consumerConfig();
    try {
      await manager.consumers.add(this.name, config);
    } catch (error) {
      if (apiCodeOf(error) !== api.consumerExists) throw error;
      await manager.consumers.update(this.name, consumerName, config);
    }
  }

  async #makeStream(manager: JetStreamManager): Promise<void> {
    const config = this.#streamConfig();
    try {
      await manager.streams.add(config);
    } catch (error) {
      if (apiCodeOf(error) !== api.otherStream) throw this.#explained(error);
      const { config: found } = await manager.streams.info(this.name);
      if (found.retention !== config.retention || found.storage !== config.storage || found.subjects.join() !== this.subject) {
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
      subjects: [this.subject],
      description: "Ready tasks of a Stepwell coordinator. Its ledger is the truth: what is lost here is published again.",
      retention: RetentionPolicy.Workqueue,
      storage: StorageType.File,
      discard: DiscardPolicy.New,
      max_bytes: streamBytesMax,
      max_msg_size: hintBytesMax,
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
