// Which ready tasks of all runs lie in the queues: a window of them for each kind of needs, filled in turn.
//
// B1. Hints of equal needs that are out never exceed what the connected workers could run of them at once and, where tasks are
//     short, what they begin beyond that in a moment (haste.ts); and those in a pool's queue never `windowMax`: nothing is
//     published that no worker could take, and whoever comes late finds a bounded number of others before it. Those that find
//     no room wait apart (`parked`), so that they hold up no others.
// B2. What is out and what runs never exceed a run's `workersMax` and the limits to concurrency: what is taken may start.
// B3. A place goes to the next kind of needs, so that none has the queue to itself, and there to the namespace and, within it,
//     the run whose turn it is (turns.ts). Where workers take one run or namespace only, their room is a window of its own,
//     so that it counts for nobody else and takes nobody's turn.

import type { RunId } from "../../proto/ids.ts";
import type { Needs } from "../core/needs.ts";
import type { QueuedTask } from "../ports/task-queue.ts";
import { Concurrency, enter, leave } from "./concurrency.ts";
import { Haste } from "./haste.ts";
import type { Hint, Lane, Publication } from "./publication.ts";
import { Circle, Party } from "./turns.ts";
import type { Whose, Workers, WorkersChange } from "./workers.ts";

/** Hints in the queue of one pool. */
export const windowMax = 1000;
/** What may still be out when tasks take longer than before, in times that workers could run at once. */
const windowsMax = 2;

export type Pool = {
  readonly name: string;
  readonly namespaces: Circle;
  readonly byNamespace: Map<string, Namespace>;
  queued: number;
  /** Of it that are known: without one, nothing needs the pool. */
  shapes: number;
};

/** `users`: lanes that refer to it. */
export type Namespace = { readonly party: Party; readonly runs: Circle; users: number };

/** Tasks that the same workers can take. */
export type Shape = {
  readonly key: string;
  readonly pool: Pool;
  readonly needs: Needs;
  /** Of the workers whose room it fills: those that take a run or a namespace only. Null: those that take any. */
  readonly bond: string | null;
  /** Those with tasks to publish. */
  readonly lanes: Set<Lane>;
  /** Taken from the queue when no worker had room, oldest first; some may have come to nothing. */
  parked: Hint[];
  /** When the first of them was, on the monotonic clock; null while none is. */
  parkedSinceMs: number | null;
  /** Hints in the queue and parked. */
  out: number;
  /** Lanes that refer to it. */
  users: number;
  capacity: { readonly version: number; readonly tasks: number };
  readonly haste: Haste;
};

export class Backlog {
  readonly concurrency = new Concurrency();
  /** With hints that wait for room. */
  readonly parked = new Set<Shape>();
  readonly #workers: Workers;
  readonly #pools = new Map<string, Pool>();
  readonly #shapes = new Map<string, Shape>();
  readonly #publications = new Map<RunId, Publication>();
  /** There may be something to publish. */
  readonly #open = new Set<Shape>();
  #onOpen: () => void = () => undefined;

  constructor(workers: Workers) {
    this.#workers = workers;
    workers.onChange = (change) => this.#workersChanged(change);
  }

  /** Called when there may be something to publish. */
  set onOpen(onOpen: () => void) {
    this.#onOpen = onOpen;
  }

  pools(): Iterable<Pool> {
    return this.#pools.values();
  }

  publications(): Iterable<Publication> {
    return this.#publications.values();
  }

  add(publication: Publication): void {
    this.#publications.set(publication.run, publication);
  }

  remove(publication: Publication): void {
    if (this.#publications.get(publication.run) === publication) this.#publications.delete(publication.run);
  }

  /** A lane refers to it from now on. */
  namespaceIn(poolName: string, name: string): Namespace {
    const { namespaces, byNamespace } = this.#pool(poolName);
    let namespace = byNamespace.get(name);
    if (namespace === undefined) {
      for (const [other, { party, users }] of byNamespace) if (users === 0 && namespaces.isLevel(party)) byNamespace.delete(other);
      byNamespace.set(name, (namespace = { party: new Party(), runs: new Circle(), users: 0 }));
    }
    namespace.users += 1;
    return namespace;
  }

  #pool(name: string): Pool {
    let pool = this.#pools.get(name);
    if (pool === undefined)
      this.#pools.set(name, (pool = { name, namespaces: new Circle(), byNamespace: new Map(), queued: 0, shapes: 0 }));
    return pool;
  }

  /** A lane refers to these from now on: what all workers for everybody share, and what there is for this run in particular. */
  attach(needs: Needs, whose: Whose): readonly Shape[] {
    return [null, ...this.#workers.bondsTo(whose)].map((bond) => this.#attachTo(needs, bond));
  }

  #attachTo(needs: Needs, bond: string | null): Shape {
    const key = bond === null ? needs.key : `${bond} ${needs.key}`;
    let shape = this.#shapes.get(key);
    if (shape === undefined) {
      const capacity = { version: -1, tasks: 0 };
      shape = {
        key,
        pool: this.#pool(needs.pool),
        needs,
        bond,
        lanes: new Set(),
        parked: [],
        parkedSinceMs: null,
        out: 0,
        users: 0,
        capacity,
        haste: new Haste(),
      };
      this.#shapes.set(key, shape);
      shape.pool.shapes += 1;
    }
    shape.users += 1;
    return shape;
  }

  detach(shapes: readonly Shape[]): void {
    for (const shape of shapes) {
      shape.users -= 1;
      this.#prune(shape);
    }
  }

  /** The lane may have something to publish. */
  offer(lane: Lane): void {
    const { shapes, namespace, party } = lane;
    for (const shape of shapes) {
      if (!shape.lanes.has(lane)) {
        shape.lanes.add(lane);
        shape.pool.namespaces.enter(namespace.party);
        namespace.runs.enter(party);
      }
      this.#mayPublish(shape);
    }
  }

  withdraw(lane: Lane): void {
    const { shapes, namespace, party } = lane;
    for (const shape of shapes) {
      if (!shape.lanes.delete(lane)) continue;
      shape.pool.namespaces.leave(namespace.party);
      namespace.runs.leave(party);
    }
  }

  /** What is to be published now, by pool. Shapes take turns, and those that must wait for the window are the first of the next time. */
  fill(nowMs: number): ReadonlyMap<string, readonly QueuedTask[]> {
    const tasks = new Map<string, QueuedTask[]>();
    // What is put back comes once more, after all others.
    for (const shape of this.#open) {
      const { lanes, pool } = shape;
      const mayPublish = lanes.size > 0 && shape.out < this.#capacityOf(shape) + this.#aheadOf(shape);
      if (mayPublish && pool.queued >= windowMax) continue;
      this.#open.delete(shape);
      const hint = mayPublish ? this.#next(shape, nowMs) : null;
      if (hint === null) continue;
      this.#open.add(shape);
      const list = tasks.get(pool.name);
      if (list === undefined) tasks.set(pool.name, [queuedOf(hint)]);
      else list.push(queuedOf(hint));
    }
    return tasks;
  }

  /** Null where none of the shape may be published now. */
  #next(shape: Shape, nowMs: number): Hint | null {
    while (shape.lanes.size > 0) {
      const lane = nextOf(shape.lanes);
      const hint = lane.publication.publish(lane, shape, nowMs);
      if (hint === null) {
        this.withdraw(lane);
        continue;
      }
      shape.out += 1;
      shape.pool.queued += 1;
      enter(lane.counted);
      charge(lane, shape);
      return hint;
    }
    return null;
  }

  /** It was taken from the queue, and no worker has room for it. */
  park(hint: Hint, nowMs: number): void {
    const { shape } = hint;
    this.#leaveQueue(hint);
    hint.place = "parked";
    shape.parked.push(hint);
    shape.parkedSinceMs ??= nowMs;
    this.parked.add(shape);
  }

  /** The oldest that waits for room; null where none does any more. */
  firstParked(shape: Shape): Hint | null {
    while (shape.parked[0]?.place === "gone") shape.parked.shift();
    const [first = null] = shape.parked;
    if (first === null) this.parked.delete(shape);
    if (first === null) shape.parkedSinceMs = null;
    return first;
  }

  /** It has begun to run: its place is free, and it is still counted. */
  started(hint: Hint, nowMs: number): void {
    if (hint.place === "parked") hint.shape.parkedSinceMs = nowMs;
    hint.shape.haste.began(nowMs);
    this.#close(hint);
    this.#checkHaste(hint.shape);
  }

  /** It comes to nothing. */
  dropped(hint: Hint): void {
    this.#close(hint);
    leave(hint.counted);
  }

  #close(hint: Hint): void {
    const { shape } = hint;
    this.#leaveQueue(hint);
    hint.place = "gone";
    shape.out -= 1;
    if (shape.lanes.size > 0) this.#mayPublish(shape);
    this.#prune(shape);
  }

  #leaveQueue({ place, shape: { pool } }: Hint): void {
    if (place !== "queue") return;
    pool.queued -= 1;
    if (pool.queued === windowMax - 1) this.#onOpen();
  }

  /** What is published ahead leaves in messages that it shares: not one by one, but when half of it has been taken. */
  #mayPublish(shape: Shape): void {
    if (shape.out > this.#capacityOf(shape) + this.#aheadOf(shape) / 2) return;
    this.#open.add(shape);
    this.#onOpen();
  }

  #prune(shape: Shape): void {
    if (shape.users > 0 || shape.out > 0) return;
    this.parked.delete(shape);
    this.#open.delete(shape);
    if (this.#shapes.get(shape.key) !== shape) return;
    this.#shapes.delete(shape.key);
    shape.pool.shapes -= 1;
    if (shape.pool.shapes === 0) this.#pools.delete(shape.pool.name);
  }

  #capacityOf(shape: Shape): number {
    const { version } = this.#workers;
    if (shape.capacity.version !== version) shape.capacity = { version, tasks: this.#workers.capacityFor(shape.needs, shape.bond) };
    return shape.capacity.tasks;
  }

  #aheadOf(shape: Shape): number {
    return Math.max(0, shape.haste.tasks - this.#capacityOf(shape));
  }

  /** Where tasks take longer now, those that were published ahead would be in the way: they wait for their turn again. */
  #checkHaste(shape: Shape): void {
    if (this.#aheadOf(shape) > 0 || shape.out <= windowsMax * this.#capacityOf(shape)) return;
    for (const publication of this.#publications.values()) publication.giveBackAll(shape, "queue");
  }

  #workersChanged({ bound, less }: WorkersChange): void {
    if (bound) for (const publication of this.#publications.values()) publication.reattach();
    for (const shape of this.#shapes.values()) {
      // What nobody can take any more must not be counted as about to run.
      if (less && shape.out > 0 && this.#capacityOf(shape) === 0)
        for (const publication of this.#publications.values()) publication.giveBackAll(shape, "anywhere");
      if (shape.lanes.size > 0) this.#mayPublish(shape);
    }
  }
}

/** What a worker does for one run only is no turn among others. */
function charge(lane: Lane, { lanes, pool, bond }: Shape): void {
  const { namespace, party, turnCost } = lane;
  if (bond?.startsWith("run:") !== true) {
    pool.namespaces.charge(namespace.party, turnCost);
    namespace.runs.charge(party, turnCost);
  }
  // To the end: of equals, as the steps of one run are, the next is another.
  if (lanes.size === 1) return;
  lanes.delete(lane);
  lanes.add(lane);
}

/** Of the namespace that has spent least, the run that has (B3). */
function nextOf(lanes: ReadonlySet<Lane>): Lane {
  let next: Lane | null = null;
  for (const lane of lanes) if (next === null || isBefore(lane, next)) next = lane;
  if (next === null) throw new Error("nobody waits for a turn");
  return next;
}

function isBefore(one: Lane, other: Lane): boolean {
  const difference = one.namespace.party.spent - other.namespace.party.spent;
  return difference < 0 || (difference === 0 && one.party.spent < other.party.spent);
}

export function queuedOf({ run, task, attempt }: Hint): QueuedTask {
  return { run, task: task.id, attempt };
}
