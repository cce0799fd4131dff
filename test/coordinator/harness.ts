// A coordinator for tests: in memory, on a real socket, with a clock that the test drives.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { ManualClock } from "../../coordinator/adapters/manual-clock.ts";
import { MemoryLedger } from "../../coordinator/adapters/memory-ledger.ts";
import { MemoryLogStore } from "../../coordinator/adapters/memory-log-store.ts";
import { MemorySecretStore } from "../../coordinator/adapters/memory-secret-store.ts";
import { MemoryTaskQueue, type QueueFaults } from "../../coordinator/adapters/memory-task-queue.ts";
import { startCoordinator, type Coordinator, type CoordinatorOptions } from "../../coordinator/main.ts";
import type { Ledger, Owner } from "../../coordinator/ports/ledger.ts";
import type { CoordinatorLog, LogFields } from "../../coordinator/shell/log.ts";
import type { RecordedEvent } from "../../proto/event.ts";
import type { RunId } from "../../proto/ids.ts";
import { SimulatedWorker, type SimulatedWorkerOptions } from "./simulated-worker.ts";

export type LogEntry = { readonly level: string; readonly fields: LogFields; readonly message: string };

export class TestLog implements CoordinatorLog {
  readonly entries: LogEntry[] = [];
  debug(fields: LogFields, message: string): void {
    this.entries.push({ level: "debug", fields, message });
  }
  info(fields: LogFields, message: string): void {
    this.entries.push({ level: "info", fields, message });
  }
  warn(fields: LogFields, message: string): void {
    this.entries.push({ level: "warn", fields, message });
  }
  error(fields: LogFields, message: string): void {
    this.entries.push({ level: "error", fields, message });
  }
}

type StartOptions = Partial<CoordinatorOptions> & { readonly name?: string; readonly faults?: QueueFaults };

/** What outlives a coordinator: the ledger, the clock, the folder of the sockets. */
export class House {
  readonly clock = new ManualClock();
  readonly dead = new Set<string>();
  ledger: Ledger = new MemoryLedger({ isAlive: (owner) => !this.dead.has(owner.id) });
  readonly logs = new MemoryLogStore();
  readonly log = new TestLog();
  readonly secrets = new MemorySecretStore();
  readonly #folder: string;
  readonly #context: TestContext;
  #sockets = 0;

  private constructor(context: TestContext, folder: string) {
    this.#context = context;
    this.#folder = folder;
  }

  static async open(context: TestContext): Promise<House> {
    const folder = await mkdtemp(join(tmpdir(), "sw-"));
    context.after(() => rm(folder, { recursive: true, force: true }));
    return new House(context, folder);
  }

  socket(): string {
    this.#sockets += 1;
    return join(this.#folder, `${this.#sockets}.sock`);
  }

  async start(options: StartOptions = {}): Promise<Coordinator> {
    const { name = "c1", faults, ...others } = options;
    const owner: Owner = { id: name, pid: process.pid, host: "here", address: "" };
    const queue = new MemoryTaskQueue({ clock: this.clock, ackWaitMs: 30_000, ...(faults !== undefined && { faults }) });
    const coordinator = await startCoordinator({
      ledger: this.ledger,
      queue,
      logs: this.logs,
      clock: this.clock,
      log: this.log,
      secrets: this.secrets,
      owner,
      listen: { path: this.socket() },
      version: "test",
      adoptUnfinished: false,
      adoptGraceMs: 10_000,
      ...others,
    });
    this.#context.after(async () => {
      await coordinator.close();
      await queue.close();
    });
    return coordinator;
  }

  async worker(
    coordinator: Coordinator,
    options: Omit<SimulatedWorkerOptions, "address" | "id"> & { readonly id?: string },
  ): Promise<SimulatedWorker> {
    const worker = new SimulatedWorker({ id: "w1", ...options, address: coordinator.address });
    this.#context.after(() => worker.disconnect());
    return worker.connect();
  }

  async events(run: RunId): Promise<readonly RecordedEvent[]> {
    const events: RecordedEvent[] = [];
    for await (const event of this.ledger.read(run, 0)) events.push(event);
    return events;
  }

  async kinds(run: RunId): Promise<readonly string[]> {
    return (await this.events(run)).map(({ event }) => ("task" in event ? `${event.kind} ${event.task}` : event.kind));
  }

  /** Lets time pass in small steps, with room for messages between them, until that holds. */
  async pass(ms: number, holds: () => boolean = () => false): Promise<void> {
    for (let passed = 0; passed < ms && !holds(); passed += 500) {
      this.clock.advance(500);
      await settle();
    }
  }
}

/** A few turns of the event loop: enough for a message to go both ways over a local socket, which no test relies on for its result. */
export async function settle(): Promise<void> {
  for (let turns = 0; turns < 20; turns += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** Until the run has finished, by its own events. */
export async function finished(coordinator: Coordinator, run: RunId): Promise<readonly RecordedEvent[]> {
  const events: RecordedEvent[] = [];
  for await (const event of coordinator.control.events(run, 0)) events.push(event);
  return events;
}
