// The Worker service: carries the items of one worker over its gRPC stream.

import { status } from "@grpc/grpc-js";
import { Batcher } from "../../sdk/wire/batcher.ts";
import type { CoordinatorSideStream } from "../../sdk/wire/services.ts";
import { writeCoordinatorItem } from "../../sdk/wire/worker-codec.ts";
import type { CoordinatorItem, WorkerItem } from "../../sdk/wire/worker-items.ts";
import { WorkerSession, type StreamEnd, type WorkerCarrier, type WorkerSessionPorts } from "./worker-session.ts";

const codes = { again: status.ABORTED, misused: status.INVALID_ARGUMENT, unfit: status.FAILED_PRECONDITION };

export function serveWorker(ports: WorkerSessionPorts, stream: CoordinatorSideStream): void {
  const session = new WorkerSession(ports, new StreamCarrier(stream));
  stream.on("data", (items: readonly WorkerItem[]) => session.receive(items));
  stream.on("end", () => session.closed("the worker ended its stream"));
  stream.on("cancelled", () => session.closed("the connection broke"));
  stream.on("error", (error: Error) => session.closed(error.message));
}

class StreamCarrier implements WorkerCarrier {
  readonly #stream: CoordinatorSideStream;
  readonly #batcher: Batcher<CoordinatorItem>;

  constructor(stream: CoordinatorSideStream) {
    this.#stream = stream;
    this.#batcher = new Batcher(stream, writeCoordinatorItem);
  }

  send(item: CoordinatorItem): void {
    this.#batcher.send(item);
  }

  end(end: StreamEnd | null): void {
    if (end !== null) this.#batcher.flush();
    this.#batcher.close();
    if (end === null) this.#stream.end();
    else this.#stream.emit("error", { code: codes[end.kind], details: end.reason });
  }
}
