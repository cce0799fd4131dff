// A worker's end of the stream between it and its coordinator. A stream that broke is not mended: open another.

import { Client, credentials, status, type StatusObject } from "@grpc/grpc-js";
import { parseAddress, addressText } from "./address.ts";
import { Batcher } from "./batcher.ts";
import { clientOptions } from "./channel-options.ts";
import { connectMethod } from "./services.ts";
import { writeWorkerItem } from "./worker-codec.ts";
import type { CoordinatorItem, WorkerItem } from "./worker-items.ts";

export type WorkerStreamEvents = {
  onItems(items: readonly CoordinatorItem[]): void;
  /** Once, last; not after `close`. `refused` where trying again makes no sense. */
  onEnd(end: { readonly reason: string; readonly refused: boolean }): void;
};

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
export function openWorkerStream(address: string, events: WorkerStreamEvents): WorkerStream {
  const client = new Client(addressText(parseAddress(address)), credentials.createInsecure(), clientOptions);
  const call = client.makeBidiStreamRequest(connectMethod.path, connectMethod.requestSerialize, connectMethod.responseDeserialize);
  const batcher = new Batcher<WorkerItem>(call, writeWorkerItem);
  let ended = false;
  const end = (): boolean => {
    if (ended) return false;
    ended = true;
    batcher.close();
    client.close();
    return true;
  };
  call.on("data", (items: readonly CoordinatorItem[]) => {
    if (!ended) events.onItems(items);
  });
  // The status tells the same and always comes; without a listener an error would end the process.
  call.on("error", () => undefined);
  call.on("status", ({ code, details }: StatusObject) => {
    const reason = code === status.OK ? "the coordinator ended the stream" : details;
    if (end()) events.onEnd({ reason, refused: refusals.includes(code) });
  });
  return {
    send: (item) => batcher.send(item),
    waitingBytes: () => batcher.waitingBytes,
    close: () => {
      batcher.flush();
      if (end()) call.end();
    },
  };
}
