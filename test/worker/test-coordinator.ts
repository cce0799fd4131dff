// The least coordinator that speaks the protocol with a real worker: assigns what it is told to, as far as there is
// credit, and accepts every outcome unless told not to.

import { Server, ServerCredentials, status } from "@grpc/grpc-js";
import { parseFlowName, parseRunId, parseStepName, taskIdOf, type Sha256 } from "../../proto/ids.ts";
import type { TaskOrder, TaskOutcome } from "../../proto/order.ts";
import { Batcher } from "../../sdk/wire/batcher.ts";
import { serverOptions } from "../../sdk/wire/channel-options.ts";
import { workerService, type CoordinatorSideStream } from "../../sdk/wire/services.ts";
import { readWorkerItems, writeCoordinatorItem } from "../../sdk/wire/worker-codec.ts";
import type { CoordinatorItem, Held, LogText, WorkerItem } from "../../sdk/wire/worker-items.ts";

export type Sent = {
  readonly of: Held;
  readonly outcome: Promise<TaskOutcome>;
  readonly lines: LogText[];
  printed(pattern: RegExp): Promise<RegExpExecArray>;
};
type Ear = { of: Held; settle(outcome: TaskOutcome): void; lines: LogText[] };

export class TestCoordinator {
  readonly address: string;
  readonly items: WorkerItem[] = [];
  accepts = true;
  credit = 0;
  #server = new Server(serverOptions);
  #send: (item: CoordinatorItem) => void = () => undefined;
  #stream: CoordinatorSideStream | null = null;
  #ears: Ear[] = [];
  #waiting: { item: CoordinatorItem }[] = [];
  #leases = 0;
  #changed = Promise.withResolvers<void>();

  readonly #codePackage: Sha256;

  constructor(address: string, codePackage: Sha256) {
    this.address = address;
    this.#codePackage = codePackage;
  }

  async listen(refuse = false): Promise<void> {
    this.#server = new Server(serverOptions);
    this.#server.addService(workerService, {
      connect: (stream: CoordinatorSideStream) => {
        if (refuse) stream.emit("error", { code: status.PERMISSION_DENIED, details: "wrong token" });
        else this.#connected(stream);
      },
    });
    await new Promise<void>((resolve, reject) =>
      this.#server.bindAsync(this.address, ServerCredentials.createInsecure(), (error) => (error ? reject(error) : resolve())),
    );
  }

  #connected(stream: CoordinatorSideStream): void {
    const batcher = new Batcher<CoordinatorItem>(stream, writeCoordinatorItem);
    this.credit = 0;
    this.#stream = stream;
    this.#send = (item) => batcher.send(item);
    stream.on("data", (batch: Buffer) => readWorkerItems(batch).forEach((item) => this.#receive(item)));
    stream.on("error", () => undefined);
    stream.on("end", () => stream.end());
  }

  #receive(item: WorkerItem): void {
    this.items.push(item);
    if (item.kind === "hello")
      this.#send({ kind: "welcome", protocol: 1, version: "test", leaseMs: 1000, beatMs: 100, blobs: new Uint8Array() });
    if (item.kind === "credit") this.credit += item.slots;
    if (item.kind === "logs") this.#earOf(item.of)?.lines.push(...item.lines);
    if (item.kind === "outcome") {
      this.#earOf(item.of)?.settle(JSON.parse(Buffer.from(item.outcome).toString()) as TaskOutcome);
      if (this.accepts) this.#send({ kind: "accepted", of: item.of, refused: false });
    }
    this.#assignWhatWaits();
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  #earOf(of: Held): Ear | undefined {
    return this.#ears.find((ear) => ear.of.lease === of.lease);
  }

  #assignWhatWaits(): void {
    while (this.credit > 0) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.credit -= 1;
      this.#send(next.item);
    }
  }

  assign(step: string, over: Partial<TaskOrder> = {}): Sent {
    this.#leases += 1;
    const order = orderFor(step, { codePackage: this.#codePackage, lease: this.#leases, ...over });
    const of: Held = { run: order.run, task: order.task, attempt: order.attempt, lease: order.lease };
    const { promise: outcome, resolve: settle } = Promise.withResolvers<TaskOutcome>();
    const lines: LogText[] = [];
    this.#ears.push({ of, settle, lines });
    this.#waiting.push({ item: { kind: "assign", of, order: Buffer.from(JSON.stringify(order)) } });
    this.#assignWhatWaits();
    let ended: TaskOutcome | null = null;
    void outcome.then((result) => (ended = result));
    const printed = async (pattern: RegExp): Promise<RegExpExecArray> => {
      for (;;) {
        const found = lines.map((line) => pattern.exec(line.text)).find((match) => match !== null);
        if (found) return found;
        if (ended !== null) throw new Error(`${step} ended without printing ${pattern}: ${JSON.stringify(ended)}`);
        await this.#changed.promise;
      }
    };
    return { of, outcome, lines, printed };
  }

  tell(item: CoordinatorItem): void {
    this.#send(item);
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await this.#changed.promise;
  }

  breakStream(): void {
    this.#stream?.emit("error", { code: status.UNAVAILABLE, details: "broken on purpose" });
  }

  close(): void {
    this.#server.forceShutdown();
  }
}

export function orderFor(step: string, over: Partial<TaskOrder> & { readonly codePackage: Sha256 }): TaskOrder {
  const name = parseStepName(step);
  return {
    run: parseRunId("TestFlow/1"),
    flow: parseFlowName("TestFlow"),
    task: taskIdOf(name, []),
    step: name,
    attempt: 0,
    lease: 1,
    frames: [],
    inputs: { kind: "single", artifacts: {} },
    parameters: {},
    secrets: [],
    keepOnFailure: false,
    catchVar: null,
    timeoutSeconds: null,
    isolated: false,
    environment: {},
    memoryMiB: null,
    context: { tags: [], namespace: "", user: "ann", originRun: null },
    ...over,
  };
}
