// Keeps task processes warm and hands each waiting order one. What to choose is decided in core/pool.ts.
//
// Q1. Orders get processes in the order in which they came, except that one whose process is there needn't wait for another's.
// Q2. A process that ends while it is idle, or prints while it is idle, is not used again.

import { attemptsRemembered, chooseEvicted, chooseProcess, sparesToStart, type PooledProcess, type Wanted } from "../core/pool.ts";
import type { Death } from "../core/death.ts";
import type { BlobHandler, OutputStream, ProcessStart, Report, TaskProcess, TaskProcesses } from "../ports/task-process.ts";

/** What happens to a process while an order has it. */
export type LeaseEvents = {
  onCodeReturned(): void;
  onSecrets(secrets: readonly string[]): void;
  onProgress(line: string): void;
  /** Who answers for its blobs; null where it has the store itself. */
  blobs(): BlobHandler | null;
  onReport(report: Report): void;
  onOutput(stream: OutputStream, bytes: Uint8Array): void;
  onEnd(death: Death): void;
};

export type ProcessWanted = {
  readonly environment: Readonly<Record<string, string>>;
  readonly codePackage: string;
  readonly isolated: boolean;
  /** Called once, unless the order is withdrawn before. The order may be sent at once. */
  onProcess(lease: ProcessLease): LeaseEvents;
};

/** A process as long as an order has it. */
export interface ProcessLease {
  readonly process: TaskProcess;
  /** Gives the process back, to be used again unless `spoiled` says why not. No event comes afterwards. */
  release(spoiled: string | null): void;
}

type Member = {
  pooled: PooledProcess;
  readonly process: TaskProcess;
  events: LeaseEvents | null;
};

export type PoolOptions = { readonly processes: TaskProcesses; readonly slots: number };

export class ProcessPool {
  readonly #processes: TaskProcesses;
  readonly #slots: number;
  readonly #members = new Map<number, Member>();
  #waiting: ProcessWanted[] = [];
  /** Whether each of the last attempts used its process up; the newest last. */
  #used: boolean[] = [];
  /** What the last process that was given away had been started for, or could have been. */
  #last: ProcessStart = { environment: {}, use: "warm" };
  #nextId = 1;
  #closed = false;

  /** Spares included. */
  get size(): number {
    return this.#members.size;
  }

  constructor(options: PoolOptions) {
    this.#processes = options.processes;
    this.#slots = options.slots;
  }

  /** Starts a process before anybody has asked for one. */
  prewarm(use: ProcessStart["use"]): void {
    if (this.#members.size === 0) this.#start({ environment: {}, use });
  }

  want(wanted: ProcessWanted): void {
    this.#waiting.push(wanted);
    this.#settle();
  }

  withdraw(wanted: ProcessWanted): void {
    this.#waiting = this.#waiting.filter((one) => one !== wanted);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#waiting = [];
    await this.#processes.close();
  }

  #settle(): void {
    if (this.#closed) return;
    const left: ProcessWanted[] = [];
    let starting = [...this.#members.values()].filter((member) => member.pooled.kind === "starting").map((member) => member.pooled);
    for (const wanted of this.#waiting) {
      const key = wantedKey(wanted);
      const idle = chooseProcess(this.#pooled("idle"), key);
      if (idle !== null) {
        this.#give(idle.id, wanted, key);
        continue;
      }
      left.push(wanted);
      const promised = chooseProcess(starting, key);
      if (promised === null) this.#makeRoomAndStart(startFor(wanted));
      else starting = starting.filter((one) => one !== promised);
    }
    this.#waiting = left;
    const spares = sparesToStart(
      [...this.#members.values()].map((member) => member.pooled),
      this.#slots,
      this.#used,
    );
    for (let count = 0; count < spares; count += 1) this.#start(this.#last);
  }

  #pooled(kind: PooledProcess["kind"]): readonly PooledProcess[] {
    const found: PooledProcess[] = [];
    for (const member of this.#members.values()) if (member.pooled.kind === kind) found.push(member.pooled);
    return found;
  }

  #give(id: number, wanted: ProcessWanted, key: Wanted): void {
    const member = this.#members.get(id);
    if (member === undefined) return;
    member.pooled = { ...member.pooled, kind: "busy", codePackage: key.codePackage };
    this.#last = startFor(wanted);
    member.events = wanted.onProcess({ process: member.process, release: (spoiled) => this.#release(id, spoiled) });
  }

  #release(id: number, spoiled: string | null): void {
    this.#used.push(spoiled !== null);
    if (this.#used.length > attemptsRemembered) this.#used.shift();
    const member = this.#members.get(id);
    if (member === undefined) return;
    member.events = null;
    if (spoiled === null) member.pooled = { ...member.pooled, kind: "idle" };
    else this.#discard(id);
    this.#settle();
  }

  #discard(id: number): void {
    const member = this.#members.get(id);
    this.#members.delete(id);
    member?.process.signal("SIGKILL");
  }

  #makeRoomAndStart(start: ProcessStart): void {
    const evicted = chooseEvicted(
      [...this.#members.values()].map((member) => member.pooled),
      this.#slots,
    );
    if (evicted !== null) this.#discard(evicted.id);
    this.#start(start);
  }

  #start(start: ProcessStart): void {
    const id = this.#nextId;
    this.#nextId += 1;
    const process = this.#processes.start(start, {
      onReady: () => this.#becameReady(id),
      onCodeReturned: () => this.#members.get(id)?.events?.onCodeReturned(),
      onSecrets: (secrets) => this.#members.get(id)?.events?.onSecrets(secrets),
      onProgress: (line) => this.#members.get(id)?.events?.onProgress(line),
      blobs: () => this.#members.get(id)?.events?.blobs() ?? null,
      onReport: (report) => this.#members.get(id)?.events?.onReport(report),
      onOutput: (stream, bytes) => this.#printed(id, stream, bytes),
      onEnd: (death) => this.#ended(id, death),
    });
    this.#members.set(id, {
      pooled: {
        id,
        kind: "starting",
        environment: environmentKey(start.environment),
        codePackage: null,
        once: start.use === "once",
      },
      process,
      events: null,
    });
  }

  #becameReady(id: number): void {
    const member = this.#members.get(id);
    if (member === undefined || member.pooled.kind !== "starting") return;
    member.pooled = { ...member.pooled, kind: "idle" };
    this.#settle();
  }

  #printed(id: number, stream: OutputStream, bytes: Uint8Array): void {
    const member = this.#members.get(id);
    if (member === undefined) return;
    if (member.events !== null) member.events.onOutput(stream, bytes);
    else if (member.pooled.kind === "idle") this.#discard(id); // Q2
  }

  #ended(id: number, death: Death): void {
    const member = this.#members.get(id);
    this.#members.delete(id);
    const events = member?.events ?? null;
    if (events !== null) events.onEnd(death);
    else if (member !== undefined && !death.wasReady) this.#failedToStart(member, death);
    this.#settle();
  }

  /** The order that would have got this process is told why there is none; others may still find one. */
  #failedToStart(member: Member, death: Death): void {
    this.#used = []; // No spares that would end the same way.
    const key = member.pooled.environment;
    const wanted = this.#waiting.find((one) => environmentKey(one.environment) === key);
    if (wanted === undefined) return;
    this.withdraw(wanted);
    const lease: ProcessLease = { process: member.process, release: () => undefined };
    wanted.onProcess(lease).onEnd(death);
  }
}

function startFor({ environment, isolated }: ProcessWanted): ProcessStart {
  return { environment, use: isolated ? "once" : "warm" };
}

function wantedKey(wanted: ProcessWanted): Wanted {
  return { environment: environmentKey(wanted.environment), codePackage: wanted.codePackage, isolated: wanted.isolated };
}

function environmentKey(environment: Readonly<Record<string, string>>): string {
  const names = Object.keys(environment);
  return names.length === 0 ? "" : JSON.stringify(names.sort().map((name) => [name, environment[name]]));
}
