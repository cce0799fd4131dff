// Carries items between the coordinator and a worker in the same process, as they are: no bytes, no connection.
//
// K1. Items arrive in the order in which they were sent, and never within the call that sends them.
// K2. After either side has ended the link, nothing arrives any more, but for the one `onEnd` of a link that the coordinator ended.

import type { CoordinatorItem, WorkerItem } from "../../sdk/wire/worker-items.ts";
import type { WorkerStream, WorkerStreamEvents } from "../../sdk/wire/worker-stream.ts";
import { everyone } from "./access/principal.ts";
import { WorkerSession, type WorkerCarrier, type WorkerSessionPorts } from "./worker-session.ts";

/** Opens the worker's end. */
export function linkWorker(ports: WorkerSessionPorts, events: WorkerStreamEvents): WorkerStream {
  let open = true;
  const toWorker = new Lane<CoordinatorItem>((items) => events.onItems(items));
  const toCoordinator = new Lane<WorkerItem>((items) => session.receive(items));
  const carrier: WorkerCarrier = {
    send: (item) => toWorker.send(item),
    end: (end) => {
      if (!open) return;
      open = false;
      toCoordinator.close();
      toWorker.closeAfterwards(() => {
        if (end !== null) events.onEnd({ reason: end.reason, refused: end.kind !== "again", settled: false });
      });
    },
  };
  const session = new WorkerSession(ports, carrier, { principal: everyone, from: "this process" });
  return {
    send: (item) => toCoordinator.send(item),
    waitingBytes: () => 0,
    close: () => {
      if (!open) return;
      open = false;
      toWorker.close();
      toCoordinator.closeAfterwards(() => session.closed("the worker ended its stream"));
    },
  };
}

/** One direction. What is sent in one go arrives together. */
class Lane<Item> {
  readonly #deliver: (items: readonly Item[]) => void;
  #waiting: Item[] = [];
  #scheduled = false;
  #closed = false;

  constructor(deliver: (items: readonly Item[]) => void) {
    this.#deliver = deliver;
  }

  send(item: Item): void {
    if (this.#closed) return;
    this.#waiting.push(item);
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => this.#flush());
  }

  /** Drops what waits. */
  close(): void {
    this.#closed = true;
    this.#waiting = [];
  }

  /** Takes nothing more; calls back when what waits has arrived. */
  closeAfterwards(then: () => void): void {
    this.#closed = true;
    queueMicrotask(() => {
      this.#flush();
      then();
    });
  }

  #flush(): void {
    this.#scheduled = false;
    const items = this.#waiting;
    this.#waiting = [];
    if (items.length > 0) this.#deliver(items);
  }
}
