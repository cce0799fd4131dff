// The workers that are, or lately were, connected.
//
// W1. A worker is known until it has been silent for the lease time, whatever its streams do meanwhile.
// W2. Credit belongs to a stream: a new one begins with none.

import type { CoordinatorItem, Hello } from "../../sdk/wire/worker-items.ts";
import type { RunId } from "../../proto/ids.ts";
import type { Assignment } from "./assignment.ts";

/** The coordinator's end of a worker's stream. */
export interface WorkerLine {
  send(item: CoordinatorItem): void;
  /** Ends the stream; the worker may open another. */
  end(reason: string): void;
}

export type Worker = {
  readonly id: string;
  /** Null while no stream is open. */
  line: WorkerLine | null;
  /** Last sign of life, on the monotonic clock. */
  heardAtMs: number;
  credit: number;
  draining: boolean;
  /** What it said of itself when it last connected; null for one that is only expected. */
  hello: Hello | null;
  /** It takes these runs only; empty means any. */
  runs: ReadonlySet<string>;
  readonly assignments: Set<Assignment>;
};

export class Workers {
  readonly #byId = new Map<string, Worker>();
  /** Connected, with credit; the one that was assigned to last is the last. */
  readonly #free = new Set<Worker>();
  #creditTotal = 0;

  get(id: string): Worker | undefined {
    return this.#byId.get(id);
  }

  all(): Iterable<Worker> {
    return this.#byId.values();
  }

  /** Assignments that connected workers have asked for. */
  get credit(): number {
    return this.#creditTotal;
  }

  /** A worker by that name is expected: it held something under a coordinator before. */
  expect(id: string, nowMs: number): Worker {
    const known = this.#byId.get(id);
    if (known !== undefined) return known;
    const worker: Worker = {
      id,
      line: null,
      heardAtMs: nowMs,
      credit: 0,
      draining: false,
      hello: null,
      runs: new Set(),
      assignments: new Set(),
    };
    this.#byId.set(id, worker);
    return worker;
  }

  /** A stream opened with `hello`. A stream that the worker still had is ended. */
  connect(hello: Hello, line: WorkerLine, nowMs: number): Worker {
    const worker = this.expect(hello.worker, nowMs);
    worker.line?.end("the worker has opened another stream");
    this.#setCredit(worker, 0); // W2
    worker.line = line;
    worker.heardAtMs = nowMs;
    worker.draining = false;
    worker.hello = hello;
    worker.runs = new Set(hello.runs);
    return worker;
  }

  disconnect(worker: Worker): void {
    this.#setCredit(worker, 0);
    worker.line = null;
    if (worker.assignments.size === 0) this.forget(worker);
  }

  forget(worker: Worker): void {
    this.#setCredit(worker, 0);
    this.#byId.delete(worker.id);
  }

  addCredit(worker: Worker, slots: number): void {
    if (!worker.draining) this.#setCredit(worker, worker.credit + slots);
  }

  drain(worker: Worker): void {
    worker.draining = true;
    this.#setCredit(worker, 0);
  }

  /** Takes one credit of the worker that should get the next task of the run; null where none may. Workers silent since `silentSinceMs` get none. */
  choose(run: RunId, silentSinceMs: number): Worker | null {
    for (const worker of this.#free) {
      if (worker.runs.size > 0 && !worker.runs.has(run)) continue;
      if (worker.heardAtMs < silentSinceMs) continue;
      this.#free.delete(worker); // To the end: the next task goes to another.
      this.#setCredit(worker, worker.credit - 1);
      return worker;
    }
    return null;
  }

  #setCredit(worker: Worker, credit: number): void {
    this.#creditTotal += credit - worker.credit;
    worker.credit = credit;
    if (credit > 0) this.#free.add(worker);
    else this.#free.delete(worker);
  }
}
