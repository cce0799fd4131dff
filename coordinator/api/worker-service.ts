// The Worker service: carries the items of one worker over its gRPC stream.

import { status } from "@grpc/grpc-js";
import { Batcher } from "../../sdk/wire/batcher.ts";
import type { CoordinatorSideStream } from "../../sdk/wire/services.ts";
import { readWorkerItems, writeCoordinatorItem } from "../../sdk/wire/worker-codec.ts";
import type { CoordinatorItem, WorkerItem } from "../../sdk/wire/worker-items.ts";
import type { Admission } from "./access/admission.ts";
import type { Caller } from "./access/principal.ts";
import { WorkerSession, type StreamEnd, type WorkerCarrier, type WorkerSessionPorts } from "./worker-session.ts";

const codes = {
  again: status.ABORTED,
  misused: status.INVALID_ARGUMENT,
  unfit: status.FAILED_PRECONDITION,
  unknown: status.UNAUTHENTICATED,
  denied: status.PERMISSION_DENIED,
};
/** Bytes that may wait for a worker that doesn't read; the longest order is one item beyond them. */
const waitingBytesMax = 64 * 1024 * 1024;

type Served = { readonly ports: WorkerSessionPorts; readonly admission: Pick<Admission, "whenEnded"> };

export function serveWorker({ ports, admission }: Served, stream: CoordinatorSideStream, caller: Caller): void {
  if (stream.cancelled) return;
  const session = new WorkerSession(ports, new StreamCarrier(stream), caller);
  const stopWaiting = admission.whenEnded(caller, (why) => session.dismiss(why));
  const close = (reason: string): void => {
    stopWaiting();
    session.closed(reason);
  };
  stream.on("data", (batch: Buffer) => receive(session, batch));
  stream.on("end", () => close("the worker ended its stream"));
  stream.on("cancelled", () => close("the connection broke"));
  stream.on("error", (error: Error) => close(error.message));
}

function receive(session: WorkerSession, batch: Buffer): void {
  let items: readonly WorkerItem[];
  try {
    items = readWorkerItems(batch);
  } catch (error) {
    return session.misread(error instanceof Error ? error.message : String(error));
  }
  session.receive(items);
}

class StreamCarrier implements WorkerCarrier {
  readonly #stream: CoordinatorSideStream;
  readonly #batcher: Batcher<CoordinatorItem>;

  constructor(stream: CoordinatorSideStream) {
    this.#stream = stream;
    this.#batcher = new Batcher(stream, writeCoordinatorItem);
  }

  send(item: CoordinatorItem): void {
    // The worker keeps what it has said until then, and waits for nothing.
    if (item.kind === "accepted") this.#batcher.sendLater(item);
    else this.#batcher.send(item);
    if (this.#batcher.waitingBytes > waitingBytesMax) this.#stream.destroy(new Error("the worker reads too slowly"));
  }

  end(end: StreamEnd | null): void {
    if (end !== null) this.#batcher.flush();
    this.#batcher.close();
    if (end === null) this.#stream.end();
    else this.#stream.emit("error", { code: codes[end.kind], details: end.reason });
  }
}
