// The connection to NATS, made again for ever: every connection is a new one, and who uses it is told of each.
//
// K1. `onUp` is called for each connection before anybody else gets it, `onDown` once when it is lost.
// K2. Waits between attempts grow to `waitsMs`' last and stay there.

import { connect, Events, type NatsConnection } from "nats";
import type { Clock } from "../../ports/clock.ts";
import { connectError, textOf, type NatsQueueError } from "./nats-queue-error.ts";
import { loginOptions, type NatsServers } from "./servers.ts";

/** A server that is back is connected to within the last of these. */
const waitsMs = [100, 250, 500, 1000] as const;
const connectTimeoutMs = 5000;
/** A server that is silent for two of them is gone. */
const pingMs = 5000;

export type NatsLinkOptions = {
  readonly servers: NatsServers;
  readonly clock: Clock;
  /** Makes it ready; where it rejects, the connection is closed and tried again later. */
  readonly onUp: (connection: NatsConnection) => Promise<void>;
  readonly onDown: (reason: string) => void;
  /** The server complains of something that no answer belongs to, such as a subject that is forbidden. */
  readonly onComplaint: (complaint: string) => void;
};

export class NatsLink {
  readonly #options: NatsLinkOptions;
  /** Told by servers of a cluster; used beside the addresses that were given. */
  #discovered: readonly string[] = [];
  #connection: NatsConnection | null = null;
  #attempts = 0;
  #closed = false;
  #cancelWait: () => void = () => undefined;

  constructor(options: NatsLinkOptions) {
    this.#options = options;
  }

  get connection(): NatsConnection | null {
    return this.#connection;
  }

  /** Where it rejects with `unreachable`, it goes on trying. @throws NatsQueueError */
  async open(): Promise<void> {
    try {
      await this.#connect();
    } catch (error) {
      const known = this.#explained(error);
      if (known.problem === "unreachable") this.#later(known.message);
      throw known;
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelWait();
    const connection = this.#connection;
    this.#connection = null;
    if (connection === null) return;
    // What was said last is to arrive: a flush is a round trip, and ends with the connection at the latest.
    await Promise.race([connection.flush().catch(() => undefined), connection.closed()]);
    await connection.close();
  }

  async #connect(): Promise<void> {
    const { servers, onUp } = this.#options;
    const connection = await connect({
      servers: [...new Set([...servers.addresses, ...this.#discovered])],
      ...(await loginOptions(servers.login)),
      ...(servers.tls !== null && { tls: servers.tls }),
      name: "stepwell-coordinator",
      reconnect: false,
      timeout: connectTimeoutMs,
      pingInterval: pingMs,
      maxPingOut: 2,
      noAsyncTraces: true,
    });
    try {
      await onUp(connection); // K1
    } catch (error) {
      await connection.close();
      throw error;
    }
    if (this.#closed) return connection.close();
    this.#connection = connection;
    this.#attempts = 0;
    this.#discovered = connection.info?.connect_urls ?? [];
    void this.#listen(connection);
    void connection.closed().then((error) => this.#lost(connection, error ?? null));
  }

  async #listen(connection: NatsConnection): Promise<void> {
    for await (const { type, data, permissionContext: forbidden } of connection.status()) {
      if (type !== Events.Error) continue;
      const what = forbidden === undefined ? "" : `: ${forbidden.operation} ${forbidden.subject}`;
      this.#options.onComplaint(`${typeof data === "string" ? data : JSON.stringify(data)}${what}`);
    }
  }

  #lost(connection: NatsConnection, error: Error | null): void {
    if (this.#connection !== connection || this.#closed) return;
    this.#connection = null;
    const said = error === null ? "" : ` (${textOf(error)})`;
    this.#later(`the connection to NATS at ${connection.getServer()} is lost${said}`);
  }

  #later(reason: string): void {
    if (this.#closed) return;
    this.#options.onDown(reason);
    const waitMs = waitsMs[Math.min(this.#attempts, waitsMs.length - 1)] ?? 0; // K2
    this.#attempts += 1;
    this.#cancelWait = this.#options.clock.after(waitMs, () => {
      this.#connect().catch((error: unknown) => this.#later(this.#explained(error).message));
    });
  }

  #explained(error: unknown): NatsQueueError {
    return connectError(error, this.#options.servers.addresses.join(", "));
  }
}
