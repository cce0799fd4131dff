// A worker that speaks the protocol over a real stream and runs no code: a function says what comes of each order.

import { hostname } from "node:os";
import type { TaskOrder, TaskOutcome } from "../../proto/order.ts";
import type { Endpoint } from "../../sdk/wire/endpoint.ts";
import { protocolVersions, type CoordinatorItem, type Held, type Hello, type WorkerItem } from "../../sdk/wire/worker-items.ts";
import { openWorkerStream, type WorkerStream } from "../../sdk/wire/worker-stream.ts";

export type SimulatedWorkerOptions = {
  readonly address: string;
  /** How it is let in. */
  readonly endpoint?: Omit<Endpoint, "address">;
  readonly id: string;
  readonly slots: number;
  /** Null: it goes on for ever, until `finish` is called. */
  readonly execute: (order: TaskOrder) => TaskOutcome | null;
  /** Outcomes that are kept over a broken stream are sent again, as an agent does. */
  readonly runs?: readonly string[];
  /** By default 1 core for each slot, 1 GiB, in the default pool. */
  readonly offer?: Partial<Pick<Hello, "pool" | "cpu" | "memoryMiB" | "gpu" | "labels" | "unbounded">>;
  readonly protocol?: number;
  readonly oldestProtocol?: number;
  /** Remembers no messages: for many tasks. */
  readonly forgetful?: boolean;
};

export class SimulatedWorker {
  readonly received: CoordinatorItem[] = [];
  /** What it works on, or has not been told that its outcome was accepted. */
  readonly held = new Map<string, { readonly of: Held; readonly order: TaskOrder }>();
  readonly #options: SimulatedWorkerOptions;
  readonly #printed = new Map<string, number>();
  readonly #outcomes = new Map<string, WorkerItem>();
  readonly #waiting: { readonly holds: () => boolean; readonly resolve: () => void }[] = [];
  #stream: WorkerStream | null = null;
  /** Why the last stream ended. */
  end: { readonly reason: string; readonly refused: boolean } | null = null;

  constructor(options: SimulatedWorkerOptions) {
    this.#options = options;
  }

  /** Resolves when the coordinator has answered. */
  async connect(address = this.#options.address): Promise<this> {
    const { id, slots, runs = [], protocol = protocolVersions.newest, oldestProtocol = protocol, offer = {} } = this.#options;
    this.end = null;
    const welcomes = this.count("welcome");
    const stream = openWorkerStream(
      { address, ...this.#options.endpoint },
      {
        onItems: (items) => {
          if (this.#stream === stream) this.#receive(items);
        },
        onEnd: (end) => {
          if (this.#stream !== stream) return;
          this.end = end;
          this.#stream = null;
          this.#wake();
        },
      },
    );
    this.#stream = stream;
    const hello = {
      worker: id,
      host: hostname(),
      pid: process.pid,
      version: "test",
      protocol,
      oldestProtocol,
      slots,
      cpu: slots,
      memoryMiB: 1024,
      gpu: 0,
      labels: {},
      pool: "",
      unbounded: false,
      ...offer,
    };
    stream.send({ kind: "hello", hello: { ...hello, held: this.#heldNow(), runs } });
    await this.until(() => this.count("welcome") > welcomes || this.end !== null);
    for (const outcome of this.#outcomes.values()) this.send(outcome);
    this.send({ kind: "credit", slots: slots - (this.held.size - this.#outcomes.size) });
    return this;
  }

  /** Breaks the stream, and keeps what it holds. */
  disconnect(): void {
    this.#stream?.close();
    this.#stream = null;
  }

  send(item: WorkerItem): void {
    this.#stream?.send(item);
  }

  beat(): void {
    this.send({ kind: "beat", held: this.#heldNow() });
  }

  /** Reports an outcome for what it holds of that task. */
  finish(task: string, outcome: TaskOutcome): void {
    for (const { of } of this.held.values()) if (of.task === task) this.report(of, outcome);
  }

  report(of: Held, outcome: TaskOutcome): void {
    const item: WorkerItem = { kind: "outcome", of, outcome: Buffer.from(JSON.stringify(outcome)) };
    this.#outcomes.set(keyOf(of), item);
    this.send(item);
    this.send({ kind: "credit", slots: 1 });
  }

  /** Numbers the lines as an agent does. */
  print(of: Held, texts: readonly string[]): void {
    const from = this.#printed.get(keyOf(of)) ?? 0;
    this.#printed.set(keyOf(of), from + texts.length);
    this.send({ kind: "logs", of, from, lines: texts.map((text) => ({ stream: "stdout", atMs: 1, text })) });
  }

  count(kind: CoordinatorItem["kind"]): number {
    return this.received.filter((item) => item.kind === kind).length;
  }

  /** The assignments it has received of a task, the last one last. */
  assigned(task: string): readonly Held[] {
    return this.received.flatMap((item) => (item.kind === "assign" && item.of.task === task ? [item.of] : []));
  }

  /** Resolves once that holds after a message; whoever waits for what never comes is ended by the test's time-out. */
  until(holds: () => boolean): Promise<void> {
    if (holds()) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ holds, resolve }));
  }

  #receive(items: readonly CoordinatorItem[]): void {
    for (const item of items) {
      if (this.#options.forgetful !== true || item.kind === "welcome") this.received.push(item);
      if (item.kind === "assign") this.#execute(item.of, JSON.parse(Buffer.from(item.order).toString()) as TaskOrder);
      else if (item.kind === "accepted" || item.kind === "revoke") this.#forget(item.of);
    }
    this.#wake();
  }

  #forget(of: Held): void {
    this.#outcomes.delete(keyOf(of));
    this.held.delete(keyOf(of));
  }

  #execute(of: Held, order: TaskOrder): void {
    this.held.set(keyOf(of), { of, order });
    const outcome = this.#options.execute(order);
    if (outcome !== null) this.report(of, outcome);
  }

  #heldNow(): readonly Held[] {
    return [...this.held.values()].map(({ of }) => of);
  }

  #wake(): void {
    for (const waiting of this.#waiting.splice(0)) {
      if (waiting.holds()) waiting.resolve();
      else this.#waiting.push(waiting);
    }
  }
}

function keyOf(held: Held): string {
  return `${held.run}/${held.task}/${held.attempt}/${held.lease}`;
}
