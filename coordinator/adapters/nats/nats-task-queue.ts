// Ready tasks in NATS JetStream, one work-queue stream for each pool. NATS may restart, forget, repeat and reorder.
//
// N1. While NATS cannot be reached, publishing and depth reject at once, and taking gives nothing.
// N2. A stream or consumer that is gone is made again as soon as anybody notices: at publishing, asking for the depth, or
//     when the server says so.
// N3. Tasks that are published together share messages, and a message is acknowledged as a whole: where that is not reached,
//     those of its tasks that had been acknowledged come to the next coordinator too.

import type { JetStreamManager, NatsConnection } from "nats";
import type { Clock } from "../../ports/clock.ts";
import type { QueueHealth, QueuedTask, TakenTask, TaskQueue } from "../../ports/task-queue.ts";
import type { CoordinatorLog } from "../../shell/log.ts";
import { packHints } from "./hint.ts";
import { NatsLink } from "./link.ts";
import { connectError, NatsQueueError, textOf } from "./nats-queue-error.ts";
import { PoolPull } from "./pool-pull.ts";
import { PoolStream } from "./pool-stream.ts";
import { PublishPipeline } from "./publish-pipeline.ts";
import { Reachability } from "./reachability.ts";
import { checkAccount, checkServer } from "./server-checks.ts";
import type { NatsServers } from "./servers.ts";

export type NatsTaskQueueOptions = {
  readonly servers: NatsServers;
  /** Names everything that this coordinator has in NATS: two coordinators with the same one would take each other's tasks. */
  readonly prefix: string;
  /** A taken task that is not acknowledged for this long is given out again. */
  readonly ackWaitMs: number;
  readonly clock: Clock;
  readonly log: CoordinatorLog;
};

/** Made at the start, since it shows whether the server lets us. */
const firstPool = "default";
const publishTimeoutMs = 5000;
const askTimeoutMs = 3000;

type Pool = { readonly stream: PoolStream; readonly pull: PoolPull };
type Line = { readonly connection: NatsConnection; readonly manager: JetStreamManager };

/** A server that is not there yet is waited for; one that cannot hold the queue is refused. @throws NatsQueueError */
export async function openNatsTaskQueue(options: NatsTaskQueueOptions): Promise<TaskQueue> {
  const queue = new NatsTaskQueue(options);
  await queue.open();
  return queue;
}

class NatsTaskQueue implements TaskQueue {
  readonly #options: NatsTaskQueueOptions;
  readonly #link: NatsLink;
  readonly #pipeline: PublishPipeline;
  readonly #reachability: Reachability;
  readonly #pools = new Map<string, Pool>();
  #line: Line | null = null;
  #noticed = "";
  #closed = false;

  constructor(options: NatsTaskQueueOptions) {
    const { servers, clock, log } = options;
    this.#options = options;
    this.#reachability = new Reachability(clock, log);
    this.#pipeline = new PublishPipeline({ clock, timeoutMs: publishTimeoutMs });
    this.#link = new NatsLink({
      servers,
      clock,
      onUp: (connection) => this.#up(connection),
      onDown: (reason) => this.#down(reason),
      onComplaint: (complaint) => log.error({ event: "queue.complaint", complaint }, "NATS refuses something to the task queue"),
    });
    this.#pool(firstPool);
  }

  async open(): Promise<void> {
    try {
      await this.#link.open();
    } catch (error) {
      if (!(error instanceof NatsQueueError) || error.problem === "refused") throw error;
    }
  }

  async publish(pool: string, tasks: readonly QueuedTask[]): Promise<void> {
    if (this.#closed || tasks.length === 0) return;
    const { stream, pull } = this.#pool(pool);
    const { manager } = this.#reached(); // N1
    try {
      await stream.ready(manager);
      const messages = packHints(tasks).map(({ data, count }) => ({ data, count, subject: stream.subjectOf(count) }));
      pull.sayAcknowledged();
      let published = await this.#pipeline.publish(messages);
      if (published.homeless.length > 0) {
        pull.streamLost(); // N2
        await stream.ready(this.#reached().manager);
        published = await this.#pipeline.publish(published.homeless);
      }
      if (published.spoiled) {
        pull.streamLost();
        stream.spoiled();
      }
      const lost = published.failed + published.homeless.reduce((sum, { count }) => sum + count, 0);
      if (lost > 0) {
        const reason = published.reason === "" ? "no stream takes them" : published.reason;
        throw new NatsQueueError("unreachable", `NATS has not taken ${lost} of ${tasks.length} tasks of pool "${pool}": ${reason}`);
      }
      this.#reachability.works("jetstream");
    } catch (error) {
      if (!this.#closed) throw this.#troubled(error);
    }
  }

  async take(pool: string, max: number, waitMs: number): Promise<readonly TakenTask[]> {
    return this.#closed ? [] : this.#pool(pool).pull.take(max, waitMs);
  }

  /** Waiting here or there, or kept back by the server, but not what somebody here has taken. */
  async depth(pool: string): Promise<number> {
    const { stream, pull } = this.#pool(pool);
    const { manager } = this.#reached(); // N1
    const ask = async (): Promise<number> => {
      await stream.ready(manager);
      pull.sayAcknowledged();
      return Math.max(0, (await stream.depth(manager)) - pull.taken);
    };
    try {
      const depth = await ask().catch((error: unknown) => {
        if (!pull.noticeGone(error)) throw error;
        return ask(); // N2
      });
      this.#reachability.works("jetstream");
      return depth;
    } catch (error) {
      throw this.#troubled(error);
    }
  }

  health(): QueueHealth {
    return this.#reachability.health;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#pipeline.close();
    for (const { pull } of this.#pools.values()) pull.close();
    this.#line = null;
    await this.#link.close();
  }

  #reached(): Line {
    if (this.#line !== null) return this.#line;
    const { health } = this.#reachability;
    throw new NatsQueueError("unreachable", health.reachable ? "the task queue is closed" : health.reason);
  }

  #pool(name: string): Pool {
    const known = this.#pools.get(name);
    if (known !== undefined) return known;
    const { servers, prefix, ackWaitMs, clock, log } = this.#options;
    const stream = new PoolStream({ prefix, pool: name, replicas: servers.replicas, ackWaitMs, clock });
    const pull = new PoolPull({ pool: name, stream, clock, log, ackWaitMs, onTrouble: (error) => void this.#troubled(error) });
    const pool: Pool = { stream, pull };
    this.#pools.set(name, pool);
    if (this.#line !== null) pull.attach(this.#line.connection, this.#line.manager);
    return pool;
  }

  /** Remembers what went wrong, for those who ask how the queue is. */
  #troubled(error: unknown): unknown {
    if (this.#line !== null && !this.#closed) this.#reachability.lost("jetstream", textOf(error));
    return error;
  }

  /** @throws NatsQueueError */
  async #up(connection: NatsConnection): Promise<void> {
    const { servers, log } = this.#options;
    const { info } = connection;
    if (info === undefined) throw new NatsQueueError("unreachable", "the connection to NATS is lost");
    const { refusals, notices } = checkServer(info);
    refuse(refusals, connection);
    const manager = await connection.jetstreamManager({ checkAPI: false, timeout: askTimeoutMs });
    try {
      const { limits } = await manager.getAccountInfo();
      refuse(checkAccount(limits), connection);
      // Another server may have come in the place of the one that had them.
      for (const { stream } of this.#pools.values()) stream.check();
      await this.#pool(firstPool).stream.ready(manager);
    } catch (error) {
      throw connectError(error, servers.addresses.join(", "));
    }
    if (servers.login.kind !== "none" && info.tls_required !== true && !isLocal(connection.getServer())) {
      notices.push("the login goes over the network unencrypted: use tls://");
    }
    if (this.#noticed !== notices.join()) for (const notice of notices) log.info({ event: "queue.notice", notice }, notice);
    this.#noticed = notices.join();
    this.#attach({ connection, manager });
  }

  #attach(line: Line): void {
    this.#line = line;
    this.#pipeline.attach(line.connection);
    for (const { pull } of this.#pools.values()) pull.attach(line.connection, line.manager);
    this.#reachability.works("connection");
    this.#reachability.works("jetstream");
  }

  #down(reason: string): void {
    this.#line = null;
    this.#pipeline.detach();
    for (const { pull } of this.#pools.values()) pull.detach();
    this.#reachability.lost("connection", reason);
  }
}

function refuse(reasons: readonly string[], connection: NatsConnection): void {
  if (reasons.length > 0)
    throw new NatsQueueError("refused", `NATS at ${connection.getServer()} cannot hold the task queue: ${reasons.join("; ")}`);
}

function isLocal(server: string): boolean {
  return /^(127\.|localhost:|\[?::1)/.test(server);
}
