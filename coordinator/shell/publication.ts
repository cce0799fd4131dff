// The ready tasks of a run: those that wait to be published, in lanes of equal step and needs, and the hints that are out.
//
// P1. A task is offered only after the event that made it ready is durable, and has at most one hint. Tasks are kept as they
//     are in the run's state, and what state they are in is read each time.
// P2. Hints and running tasks never exceed the run's `workersMax` together, nor the limits to concurrency of flow and step.

import type { RunId, TaskId } from "../../proto/ids.ts";
import { needsOf, type Needs } from "../core/needs.ts";
import { currentAttempt, type RunState, type Step, type Task } from "../core/state.ts";
import type { QueuedTask } from "../ports/task-queue.ts";
import { queuedOf, type Backlog, type Namespace, type Shape } from "./backlog.ts";
import type { Counted } from "./concurrency.ts";
import { Party, turnCost } from "./turns.ts";
import type { Whose } from "./workers.ts";

/** Tasks of one step of a run that need the same. */
export type Lane = {
  readonly publication: Publication;
  readonly needs: Needs;
  readonly whose: Whose;
  readonly ready: Waiting;
  readonly counted: Counted;
  readonly flowMax: number;
  readonly stepMax: number;
  readonly namespace: Namespace;
  readonly party: Party;
  readonly turnCost: number;
  shapes: readonly Shape[];
  readonly wake: () => void;
};

/** `max`: of them and those that run. */
export type ReadyLane = { readonly needs: Needs; readonly tasks: number; readonly max: number };

/** An attempt that was published and has not begun. */
export type Hint = {
  readonly run: RunId;
  readonly task: Task;
  readonly attempt: number;
  readonly shape: Shape;
  readonly lane: Lane;
  readonly counted: Counted;
  /** When it was published last, on the monotonic clock. */
  sinceMs: number;
  place: "queue" | "parked" | "gone";
};

/** First in, first out; cheap at both ends. */
class Waiting {
  #tasks: Task[] = [];
  #first = 0;

  get size(): number {
    return this.#tasks.length - this.#first;
  }

  push(task: Task): void {
    this.#tasks.push(task);
  }

  /** Puts it before all others. */
  unshift(task: Task): void {
    if (this.#first > 0) this.#tasks[--this.#first] = task;
    else this.#tasks.unshift(task);
  }

  shift(): Task | undefined {
    const task = this.#tasks[this.#first];
    if (task === undefined) return undefined;
    this.#first += 1;
    if (this.#first > 1024 && this.#first * 2 > this.#tasks.length) {
      this.#tasks = this.#tasks.slice(this.#first);
      this.#first = 0;
    }
    return task;
  }
}

export class Publication {
  readonly run: RunId;
  readonly #whose: Whose;
  readonly #state: RunState;
  readonly #backlog: Backlog;
  readonly #hints = new Map<TaskId, Hint>();
  readonly #lanes = new Map<Step, Lane[]>();
  /** Not offered, since the run may start no more at present. */
  readonly #held = new Set<Lane>();
  readonly #parties = new Map<string, Party>();

  constructor(state: RunState, backlog: Backlog) {
    this.run = state.submitted.run;
    this.#whose = { run: this.run, namespace: state.submitted.context.namespace };
    this.#state = state;
    this.#backlog = backlog;
    backlog.add(this);
  }

  /** The task is ready, by an event that is durable. */
  offer(id: TaskId): void {
    const task = this.#state.tasks.get(id);
    if (task?.state.kind !== "ready") return;
    const lane = this.#laneOf(task);
    lane.ready.push(task);
    this.#backlog.offer(lane);
  }

  /** There may be room for more of the run. */
  refill(): void {
    if (this.#held.size === 0 || this.#isFull()) return;
    for (const lane of this.#held) this.#backlog.offer(lane);
    this.#held.clear();
  }

  /** The next one of the lane; null where none may be published now: `offer`, `refill` and the lane's `wake` say when again. */
  publish(lane: Lane, shape: Shape, nowMs: number): Hint | null {
    const { counted } = lane;
    if (this.#isFull()) {
      this.#held.add(lane);
      return null;
    }
    const full = counted.step.count >= lane.stepMax ? counted.step : counted.flow.count >= lane.flowMax ? counted.flow : null;
    if (full !== null) {
      full.await(lane.wake);
      return null;
    }
    for (let task = lane.ready.shift(); task !== undefined; task = lane.ready.shift()) {
      if (task.state.kind !== "ready" || this.#hints.has(task.id)) continue; // P1
      const hint: Hint = {
        run: this.run,
        task,
        attempt: currentAttempt(task),
        shape,
        lane,
        counted,
        sinceMs: nowMs,
        place: "queue",
      };
      this.#hints.set(task.id, hint);
      return hint;
    }
    return null;
  }

  /** Tasks that are ready and need a launched worker, by their needs: those in lanes, and those whose hints are out. */
  launchedReady(): ReadonlyMap<string, ReadyLane> {
    const ready = new Map<string, ReadyLane>();
    const add = (lane: Lane, tasks: number): void => {
      const { needs, stepMax, flowMax } = lane;
      if (needs.shape === null) return;
      ready.set(needs.key, { needs, tasks: tasks + (ready.get(needs.key)?.tasks ?? 0), max: Math.min(stepMax, flowMax) });
    };
    if (this.#state.stopping !== null) return ready;
    for (const lanes of this.#lanes.values()) for (const lane of lanes) add(lane, lane.ready.size);
    for (const { lane } of this.#hints.values()) add(lane, 1);
    return ready;
  }

  /** The hint that the queue gave; null for a copy, and for one that is none any more. */
  taken({ task, attempt }: QueuedTask): Hint | null {
    const hint = this.#hints.get(task);
    if (hint === undefined || hint.attempt !== attempt || hint.place !== "queue") return null;
    if (isReady(hint)) return hint;
    this.drop(hint);
    return null;
  }

  /** It has begun to run. */
  started(hint: Hint, nowMs: number): void {
    this.#hints.delete(hint.task.id);
    this.#backlog.started(hint, nowMs);
  }

  /** It is not to run now. */
  drop(hint: Hint): void {
    this.#hints.delete(hint.task.id);
    this.#backlog.dropped(hint);
  }

  /** It could not be started although it is ready: it is the next to be published. */
  giveBack(hint: Hint): void {
    this.drop(hint);
    hint.lane.ready.unshift(hint.task);
    this.#backlog.offer(hint.lane);
  }

  /** Frees the places of what came to nothing. */
  dropStale(): void {
    for (const hint of this.#hints.values()) if (!isReady(hint)) this.drop(hint);
  }

  /** Those in the pool's queue since before that time, which may be lost there; they count as published now. */
  olderThan(pool: string, sinceMs: number, nowMs: number): readonly QueuedTask[] {
    const tasks: QueuedTask[] = [];
    for (const hint of this.#hints.values()) {
      if (hint.place !== "queue" || hint.shape.pool.name !== pool || hint.sinceMs > sinceMs) continue;
      hint.sinceMs = nowMs;
      tasks.push(queuedOf(hint));
    }
    return tasks;
  }

  /** What is out of the shape is not to be taken at present. */
  giveBackAll(shape: Shape, from: "queue" | "anywhere"): void {
    for (const hint of [...this.#hints.values()].toReversed())
      if (hint.shape === shape && (from === "anywhere" || hint.place === from)) this.giveBack(hint);
  }

  /** The workers that may take tasks of the run may be others now. */
  reattach(): void {
    for (const lanes of this.#lanes.values()) {
      for (const lane of lanes) {
        const shapes = this.#backlog.attach(lane.needs, this.#whose);
        this.#backlog.withdraw(lane);
        this.#backlog.detach(lane.shapes);
        lane.shapes = shapes;
        this.#backlog.offer(lane);
      }
    }
  }

  /** Nothing of the run is to be published any more. */
  close(): void {
    for (const hint of this.#hints.values()) this.drop(hint);
    for (const lanes of this.#lanes.values()) {
      for (const lane of lanes) {
        this.#backlog.withdraw(lane);
        this.#backlog.detach(lane.shapes);
        lane.counted.flow.forget(lane.wake);
        lane.counted.step.forget(lane.wake);
        this.#backlog.concurrency.release(lane.counted);
        lane.namespace.users -= 1;
      }
    }
    this.#lanes.clear();
    this.#held.clear();
    this.#backlog.remove(this);
  }

  #laneOf(task: Task): Lane {
    const needs = needsOf(task);
    const lanes = this.#lanes.get(task.step);
    const known = lanes?.find((lane) => lane.needs.key === needs.key);
    if (known !== undefined) return known;
    const lane = this.#newLane(task.step, needs);
    if (lanes === undefined) this.#lanes.set(task.step, [lane]);
    else lanes.push(lane);
    return lane;
  }

  #newLane(step: Step, needs: Needs): Lane {
    const { graph, context, options } = this.#state.submitted;
    const namespace = this.#backlog.namespaceIn(needs.pool, context.namespace);
    const party = this.#parties.get(needs.pool) ?? new Party();
    this.#parties.set(needs.pool, party);
    const lane: Lane = {
      publication: this,
      needs,
      whose: this.#whose,
      ready: new Waiting(),
      counted: this.#backlog.concurrency.use(graph.flow, step.node.name),
      flowMax: graph.concurrencyMax ?? Number.POSITIVE_INFINITY,
      stepMax: step.node.policy.concurrencyMax ?? Number.POSITIVE_INFINITY,
      namespace,
      party,
      turnCost: turnCost(options.priority ?? 0),
      shapes: this.#backlog.attach(needs, this.#whose),
      wake: () => this.#backlog.offer(lane),
    };
    return lane;
  }

  /** P2 */
  #isFull(): boolean {
    return this.#hints.size + this.#state.running.size >= this.#state.submitted.options.workersMax;
  }
}

/** The attempt that was published is still to begin. */
export function isReady({ task, attempt }: Hint): boolean {
  return task.state.kind === "ready" && currentAttempt(task) === attempt;
}
