// A worker's end of the stream between it and its coordinator. A stream that broke is not mended: open another.

import { status, type ClientDuplexStream, type StatusObject } from "@grpc/grpc-js";
import { parseAddress } from "./address.ts";
import { TrustError } from "./authority.ts";
import { Batcher } from "./batcher.ts";
import { explainUnreachable, openChannel, type Channel } from "./channel.ts";
import type { Endpoint } from "./endpoint.ts";
import { connectMethod } from "./services.ts";
import { writeWorkerItem } from "./worker-codec.ts";
import type { CoordinatorItem, WorkerItem } from "./worker-items.ts";

export type WorkerStreamEvents = {
  onItems(items: readonly CoordinatorItem[]): void;
  /** Once, last; not after `close`. */
  onEnd(end: StreamEnd): void;
};

/** `refused`: trying again makes no sense. `settled`: nor does it here, unless the coordinator, where it was met before, comes back as it was. */
export type StreamEnd = { readonly reason: string; readonly refused: boolean; readonly settled: boolean };

export interface WorkerStream {
  /** Items arrive in the order of the calls, or the stream ends. */
  send(item: WorkerItem): void;
  /** Sent, but not yet taken by the connection. */
  waitingBytes(): number;
  close(): void;
}

const refusals: readonly status[] = [
  status.FAILED_PRECONDITION,
  status.INVALID_ARGUMENT,
  status.PERMISSION_DENIED,
  status.UNAUTHENTICATED,
  status.UNIMPLEMENTED,
];

/** @throws AddressError */
export function openWorkerStream(endpoint: Endpoint, events: WorkerStreamEvents): WorkerStream {
  parseAddress(endpoint.address);
  return new ConnectingStream(endpoint, events);
}

type Call = ClientDuplexStream<Buffer, readonly CoordinatorItem[]>;

type State =
  /** Items wait. */
  | { readonly kind: "connecting"; readonly waiting: WorkerItem[] }
  | { readonly kind: "open"; readonly call: Call; readonly batcher: Batcher<WorkerItem>; readonly channel: Channel }
  /** Finds out why, to tell it. */
  | { readonly kind: "failing" }
  | { readonly kind: "ended" };

class ConnectingStream implements WorkerStream {
  readonly #endpoint: Endpoint;
  readonly #events: WorkerStreamEvents;
  #state: State = { kind: "connecting", waiting: [] };

  constructor(endpoint: Endpoint, events: WorkerStreamEvents) {
    this.#endpoint = endpoint;
    this.#events = events;
    openChannel(endpoint).then(
      (channel) => this.#open(channel),
      (error: unknown) =>
        this.#failed({
          reason: error instanceof Error ? error.message : String(error),
          refused: error instanceof TrustError,
          settled: false,
        }),
    );
  }

  send(item: WorkerItem): void {
    if (this.#state.kind === "open") this.#state.batcher.send(item);
    else if (this.#state.kind === "connecting") this.#state.waiting.push(item);
  }

  waitingBytes(): number {
    return this.#state.kind === "open" ? this.#state.batcher.waitingBytes : 0;
  }

  close(): void {
    const state = this.#state;
    if (state.kind === "open") state.batcher.flush();
    this.#end();
    if (state.kind === "open") state.call.end();
  }

  #open(channel: Channel): void {
    if (this.#state.kind !== "connecting") return channel.client.close();
    const { path, requestSerialize, responseDeserialize } = connectMethod;
    const call: Call = channel.client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, channel.metadata);
    const batcher = new Batcher<WorkerItem>(call, writeWorkerItem);
    for (const item of this.#state.waiting) batcher.send(item);
    this.#state = { kind: "open", call, batcher, channel };
    let served = false;
    call.on("data", (items: readonly CoordinatorItem[]) => {
      served = true;
      if (this.#state.kind === "open") this.#events.onItems(items);
    });
    // The status tells the same and always comes; without a listener an error would end the process.
    call.on("error", () => undefined);
    call.on("status", ({ code, details }: StatusObject) => {
      const reason = code === status.OK ? "the coordinator ended the stream" : details;
      // Where there was a connection, why it broke needs no asking: a thousand workers would ask at once.
      this.#failed({ reason, refused: refusals.includes(code), settled: false }, code === status.UNAVAILABLE && !served);
    });
  }

  #failed(end: StreamEnd, unreachable = !end.refused): void {
    if (this.#state.kind === "failing" || this.#state.kind === "ended") return;
    this.#end();
    if (!unreachable) return this.#events.onEnd(end);
    this.#state = { kind: "failing" };
    void this.#tell(end);
  }

  async #tell(end: StreamEnd): Promise<void> {
    const why = await explainUnreachable(this.#endpoint, end.reason);
    if (this.#state.kind !== "failing") return;
    this.#end();
    this.#events.onEnd({ ...end, ...why });
  }

  #end(): void {
    const state = this.#state;
    this.#state = { kind: "ended" };
    if (state.kind !== "open") return;
    state.batcher.close();
    state.channel.client.close();
  }
}
