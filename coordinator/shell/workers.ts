// The workers that are, or lately were, connected: what they offer, and what of it is taken.
//
// W1. A worker is known until it has been silent for the lease time, whatever its streams do meanwhile.
// W2. Credit belongs to a stream: a new one begins with none.
// W3. What a worker holds never needs more than it offers: cores, memory and accelerators are taken with an assignment and
//     given back with its end. One that offers whatever is asked is bounded by its slots alone.

import type { CoordinatorItem, Hello } from "../../sdk/wire/worker-items.ts";
import { defaultPool } from "../../proto/graph.ts";
import type { RunId } from "../../proto/ids.ts";
import type { MachineLoad } from "../../proto/view.ts";
import { couldRun, fits, missingLabel, timesIn, type Needs, type Offer, type Room } from "../core/needs.ts";
import type { Assignment } from "./assignment.ts";
import { LostWorkers } from "./lost-workers.ts";

/** The coordinator's end of a worker's stream. */
export interface WorkerLine {
  send(item: CoordinatorItem): void;
  /** Ends the stream; the worker may open another. */
  end(reason: string): void;
}

export type Worker = Offer & {
  readonly id: string;
  /** Null while no stream is open. */
  line: WorkerLine | null;
  /** Last sign of life, on the monotonic clock. */
  heardAtMs: number;
  credit: number;
  draining: boolean;
  /** What it said of itself when it last connected; null for one that is only expected. */
  hello: Hello | null;
  /** As of its last beat. */
  load: MachineLoad | null;
  /** It takes these runs only; empty means any. */
  runs: ReadonlySet<string>;
  /** Of its token: who has another one is another worker, whatever it calls itself. Null where there are none, or nobody knows yet. */
  tokenId: string | null;
  /** It takes runs of this namespace only; null means any. */
  namespace: string | null;
  pool: string;
  labels: Readonly<Record<string, string>>;
  total: Room;
  unbounded: boolean;
  /** Of `total`; slots are counted by `credit`. */
  free: { cpu: number; memoryMiB: number; gpu: number };
  /** Takes only such tasks until one has found room: the key of their shape. */
  reservedFor: string | null;
  readonly assignments: Set<Assignment>;
};

/** What a worker may be bound to. */
export type Whose = { readonly run: RunId; readonly namespace: string };

/** `less`: a worker takes no more work. `bound`: it takes, or took, some runs only. */
export type WorkersChange = { readonly less: boolean; readonly bound: boolean };

export type Wanted = {
  readonly needs: Needs;
  readonly whose: Whose;
  /** Key of the tasks' shape, and the bond of the workers that may take them: null means any that may take the run. */
  readonly shape: string;
  readonly bond: string | null;
  /** A worker that ran the task's inputs: they lie in its cache. */
  readonly near: string | null;
  /** Workers silent since then get nothing. */
  readonly silentSinceMs: number;
};

/** Workers of one pool that are connected and have credit; the one that was assigned to last is the last. */
type Group = { readonly free: Set<Worker>; credit: number };

/** Fitting workers that are compared before one gets a task. */
const comparedMax = 16;
/** What having the inputs at hand counts for, as a share of a worker's room. */
const nearBonus = 0.25;
const noRoom: Room = { slots: 0, cpu: 0, memoryMiB: 0, gpu: 0 };

export class Workers {
  /** Counts up when what the connected workers offer together has changed. */
  version = 0;
  /** Called then. */
  onChange: (change: WorkersChange) => void = () => undefined;
  readonly lost = new LostWorkers();
  readonly #byId = new Map<string, Worker>();
  readonly #groups = new Map<string, Group>();
  /** Of those that offer whatever is asked, in whatever pool. */
  readonly #unbounded: Group = { free: new Set(), credit: 0 };
  /** How many connected workers have a bond. */
  readonly #bound = new Map<string, number>();

  get(id: string): Worker | undefined {
    return this.#byId.get(id);
  }

  all(): Iterable<Worker> {
    return this.#byId.values();
  }

  /** Assignments that connected workers of the pool have asked for. */
  creditIn(pool: string): number {
    return (this.#groups.get(pool)?.credit ?? 0) + this.#unbounded.credit;
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
      load: null,
      runs: new Set(),
      tokenId: null,
      namespace: null,
      pool: defaultPool,
      labels: {},
      total: noRoom,
      unbounded: false,
      free: { cpu: 0, memoryMiB: 0, gpu: 0 },
      reservedFor: null,
      assignments: new Set(),
    };
    this.#byId.set(id, worker);
    return worker;
  }

  /** A stream opened with `hello`. A stream that the worker still had is ended. `namespace`: it may take runs of that one only. */
  connect(
    hello: Hello,
    line: WorkerLine,
    { nowMs, namespace = null }: { readonly nowMs: number; readonly namespace?: string | null },
  ): Worker {
    const worker = this.expect(hello.worker, nowMs);
    const before = worker.line;
    this.#left(worker);
    // Whose end is no longer the worker's: one that held nothing would be forgotten with it.
    before?.end("the worker has opened another stream");
    worker.line = line;
    worker.heardAtMs = nowMs;
    worker.draining = false;
    worker.hello = hello;
    this.lost.found(worker.id);
    worker.runs = new Set(hello.runs);
    worker.namespace = namespace;
    worker.pool = hello.pool === "" ? defaultPool : hello.pool;
    worker.labels = hello.labels;
    worker.unbounded = hello.unbounded;
    worker.total = { slots: hello.slots, cpu: hello.cpu, memoryMiB: hello.memoryMiB, gpu: hello.gpu };
    countFree(worker);
    this.#changed(worker, 1);
    return worker;
  }

  disconnect(worker: Worker): void {
    this.#left(worker);
    if (worker.assignments.size === 0) this.forget(worker);
  }

  forget(worker: Worker): void {
    this.#left(worker);
    if (this.#byId.get(worker.id) === worker) this.#byId.delete(worker.id);
  }

  addCredit(worker: Worker, slots: number): void {
    if (!worker.draining && worker.line !== null) this.#setCredit(worker, worker.credit + slots);
  }

  drain(worker: Worker): void {
    if (worker.draining) return;
    worker.draining = true;
    worker.reservedFor = null;
    this.#setCredit(worker, 0);
    this.#changed(worker, 0);
  }

  hold(worker: Worker, assignment: Assignment): void {
    worker.assignments.add(assignment);
    take(worker, assignment.needs, 1);
  }

  release(worker: Worker, assignment: Assignment): void {
    if (!worker.assignments.delete(assignment)) return;
    // Sums of fractions drift: nothing is left of them when nothing is held.
    if (worker.assignments.size === 0) countFree(worker);
    else take(worker, assignment.needs, -1);
  }

  /** The bonds that workers have to the run or its namespace, if any. */
  bondsTo({ run, namespace }: Whose): readonly string[] {
    return this.#bound.size === 0 ? [] : [`run:${run}`, `namespace:${namespace}`].filter((bond) => this.#bound.has(bond));
  }

  /** How many such tasks the connected workers with that bond could run at once; null: those that have none. */
  capacityFor(needs: Needs, bond: string | null): number {
    let tasks = 0;
    for (const worker of this.#byId.values()) {
      if (worker.line === null || worker.draining || !couldRun(worker, needs)) continue;
      const bonds = bondsOf(worker);
      if (bond === null ? bonds.length > 0 : !bonds.includes(bond)) continue;
      tasks += worker.unbounded ? worker.total.slots : timesIn(worker.total, needs);
    }
    return tasks;
  }

  /**
   * Takes one credit of the worker that should get the task; null where none has room. The one that is near to the inputs
   * gets it unless it is much fuller than another; else the one with the largest share of its room left.
   */
  choose(wanted: Wanted): Worker | null {
    const near = wanted.near === null ? null : this.#nearWithRoom(wanted.near, wanted);
    let best: Worker | null = null;
    let bestShare = -1;
    let compared = 0;
    for (const group of [this.#groups.get(wanted.needs.pool), this.#unbounded]) {
      if (group === undefined) continue;
      for (const worker of group.free) {
        if (!this.#hasRoom(worker, wanted)) continue;
        const share = freeShare(worker);
        if (share > bestShare) [best, bestShare] = [worker, share];
        compared += 1;
        if (compared === comparedMax) break;
      }
    }
    const chosen = near !== null && freeShare(near) + nearBonus >= bestShare ? near : best;
    if (chosen === null) return null;
    const { free } = this.#groupOf(chosen);
    free.delete(chosen); // To the end: of equals, the next task goes to another.
    this.#setCredit(chosen, chosen.credit - 1);
    if (chosen.reservedFor === wanted.shape) chosen.reservedFor = null;
    return chosen;
  }

  /** Keeps the worker that is nearest to having room for such tasks free of others. */
  reserve({ needs, whose, shape, bond, silentSinceMs }: Omit<Wanted, "near">): Worker | null {
    let best: Worker | null = null;
    for (const worker of this.#byId.values()) {
      if (worker.line === null || worker.draining || worker.reservedFor !== null || worker.heardAtMs < silentSinceMs) continue;
      if (!mayTake(worker, whose) || !hasBond(worker, bond) || !couldRun(worker, needs)) continue;
      if (best === null || freeShare(worker) > freeShare(best)) best = worker;
    }
    if (best !== null) best.reservedFor = shape;
    return best;
  }

  #nearWithRoom(id: string, wanted: Wanted): Worker | null {
    const worker = this.#byId.get(id);
    if (worker === undefined || worker.credit === 0 || (worker.pool !== wanted.needs.pool && !worker.unbounded)) return null;
    return this.#hasRoom(worker, wanted) ? worker : null;
  }

  #hasRoom(worker: Worker, { needs, whose, shape, bond, silentSinceMs }: Wanted): boolean {
    if (worker.heardAtMs < silentSinceMs || !mayTake(worker, whose) || !hasBond(worker, bond)) return false;
    if (worker.unbounded) return true;
    if (worker.reservedFor !== null && worker.reservedFor !== shape) return false;
    // Its pool is known, and credit is what makes it free: what has room beside the rest would have room alone.
    return missingLabel(worker.labels, needs) === null && fits(worker.free, needs);
  }

  #left(worker: Worker): void {
    if (worker.line === null) return;
    this.#setCredit(worker, 0);
    worker.line = null;
    worker.reservedFor = null;
    this.#changed(worker, -1);
  }

  #changed(worker: Worker, connected: -1 | 0 | 1): void {
    const bonds = bondsOf(worker);
    for (const bond of bonds) {
      const count = (this.#bound.get(bond) ?? 0) + connected;
      if (count > 0) this.#bound.set(bond, count);
      else this.#bound.delete(bond);
    }
    this.version += 1;
    this.onChange({ less: connected < 1, bound: bonds.length > 0 });
  }

  #groupOf({ pool, unbounded }: Worker): Group {
    if (unbounded) return this.#unbounded;
    let group = this.#groups.get(pool);
    if (group === undefined) this.#groups.set(pool, (group = { free: new Set(), credit: 0 }));
    return group;
  }

  #setCredit(worker: Worker, credit: number): void {
    const group = this.#groupOf(worker);
    group.credit += credit - worker.credit;
    worker.credit = credit;
    if (credit > 0) group.free.add(worker);
    else group.free.delete(worker);
  }
}

export function mayTake({ runs, namespace }: Worker, whose: Whose): boolean {
  return (runs.size === 0 || runs.has(whose.run)) && (namespace === null || namespace === whose.namespace);
}

/** Names what it takes only; a worker for all has none. */
function bondsOf({ runs, namespace }: Worker): readonly string[] {
  if (runs.size > 0) return Array.from(runs, (run) => `run:${run}`);
  return namespace === null ? [] : [`namespace:${namespace}`];
}

function hasBond(worker: Worker, bond: string | null): boolean {
  return bond === null || bondsOf(worker).includes(bond);
}

function countFree(worker: Worker): void {
  const { cpu, memoryMiB, gpu } = worker.total;
  worker.free = { cpu, memoryMiB, gpu };
  for (const { needs } of worker.assignments) take(worker, needs, 1);
}

function take({ free }: Worker, { cpu, memoryMiB, gpu }: Needs, times: 1 | -1): void {
  if (cpu === 0 && memoryMiB === 0 && gpu === 0) return;
  free.cpu -= times * cpu;
  free.memoryMiB -= times * memoryMiB;
  free.gpu -= times * gpu;
}

/** Of what is scarcest. */
function freeShare({ credit, free, total, unbounded }: Worker): number {
  const slots = credit / Math.max(1, total.slots);
  return unbounded ? slots : Math.min(slots, shareOf(free.cpu, total.cpu), shareOf(free.memoryMiB, total.memoryMiB));
}

function shareOf(free: number, total: number): number {
  return total === 0 ? 1 : free / total;
}
