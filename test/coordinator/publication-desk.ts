// A backlog without queue and dispatcher: the test takes what is published, begins it and ends it.

import assert from "node:assert/strict";
import { Backlog, type Pool } from "../../coordinator/shell/backlog.ts";
import { leave } from "../../coordinator/shell/concurrency.ts";
import { Publication, type Hint } from "../../coordinator/shell/publication.ts";
import { Workers } from "../../coordinator/shell/workers.ts";
import { advance } from "../../coordinator/core/advance.ts";
import { decideOutcome, decideStart } from "../../coordinator/core/decide.ts";
import type { Decision } from "../../coordinator/core/decision.ts";
import { initialState, type RunState } from "../../coordinator/core/state.ts";
import type { QueuedTask } from "../../coordinator/ports/task-queue.ts";
import { defaultRunOptions, type RunEvent, type RunOptions } from "../../proto/event.ts";
import type { FlowGraph } from "../../proto/graph.ts";
import { parseTaskId, runIdOf } from "../../proto/ids.ts";
import type { TaskOutcome } from "../../proto/order.ts";
import { foreach, obedient, step, submission } from "./graphs.ts";

type Offered = { readonly id?: string; readonly slots: number; readonly cpu?: number; readonly pool?: string; readonly runs?: string[] };
export type Running = { readonly hint: Hint; readonly lease: number };

/** A backlog whose queue is what the test makes of what is published. */
export class Desk {
  readonly workers = new Workers();
  readonly backlog = new Backlog(this.workers);
  #leases = 0;
  #runs = 0;

  connect({ id = "w1", slots, cpu = slots, pool = "", runs = [] }: Offered): void {
    const about = { host: "here", pid: 1, version: "test", protocol: 1, oldestProtocol: 1, gpu: 0, labels: {}, held: [] };
    this.workers.connect(
      { worker: id, slots, cpu, memoryMiB: 1024, pool, runs, unbounded: false, ...about },
      { send: () => undefined, end: () => undefined },
      { nowMs: 0 },
    );
  }

  disconnect(id: string): void {
    const worker = this.workers.get(id);
    if (worker !== undefined) this.workers.disconnect(worker);
  }

  run(options: Partial<RunOptions> = {}, about: { namespace?: string; graph?: FlowGraph } = {}): Opened {
    this.#runs += 1;
    return new Opened(this, stateOf({ number: this.#runs, options, ...about }));
  }

  /** Of the default pool. */
  published(nowMs = 0): readonly QueuedTask[] {
    return this.backlog.fill(nowMs).get("default") ?? [];
  }

  get queued(): number {
    return this.#pool?.queued ?? 0;
  }

  /** Namespaces that are known there. */
  get namespaces(): readonly string[] {
    return [...(this.#pool?.byNamespace.keys() ?? [])];
  }

  get #pool(): Pool | undefined {
    return [...this.backlog.pools()].find(({ name }) => name === "default");
  }

  lease(): number {
    this.#leases += 1;
    return this.#leases;
  }
}

export class Opened {
  readonly state: RunState;
  readonly publication: Publication;
  readonly #desk: Desk;

  constructor(desk: Desk, state: RunState) {
    this.#desk = desk;
    this.state = state;
    this.publication = new Publication(state, desk.backlog);
    this.publication.offer(parseTaskId("start/0"));
  }

  /** The queue gave the hint, and the attempt began. */
  start(queued: QueuedTask, nowMs = 0): Running {
    const hint = this.publication.taken(queued);
    assert.ok(hint !== null);
    const lease = this.#desk.lease();
    this.#apply(decideStart(this.state, { task: hint.task.id, attempt: hint.attempt, lease, worker: "w1", atMs: 0 }));
    this.publication.started(hint, nowMs);
    return { hint, lease };
  }

  /** What becomes ready is durable only when `offered` says so. */
  finish({ hint, lease }: Running, { width = 0, offered = true } = {}): void {
    const { attempt } = hint;
    const task = hint.task.id;
    const name = step(task.slice(0, task.indexOf("/")));
    const outcome: TaskOutcome = obedient(this.state.submitted.graph, width)({ step: name } as never);
    const ready = this.#apply(decideOutcome(this.state, { task, attempt, lease, outcome, atMs: 0 }));
    leave(hint.counted);
    if (offered) for (const id of ready) this.publication.offer(id);
    this.publication.refill();
  }

  fanOut(width: number, offered = true): void {
    const [first] = this.#desk.published();
    assert.ok(first !== undefined && first.run === this.state.submitted.run);
    this.finish(this.start(first), { width, offered });
  }

  #apply(decision: Decision) {
    assert.equal(decision.kind, "accepted");
    const events: readonly RunEvent[] = decision.kind === "accepted" ? decision.events : [];
    return events.flatMap((event) => advance(this.state, event).flatMap((effect) => (effect.kind === "enqueue" ? [effect.task] : [])));
  }
}

type About = { readonly number: number; readonly options: Partial<RunOptions>; readonly namespace?: string; readonly graph?: FlowGraph };

function stateOf({ number, options, namespace = "user:ada", graph = foreach() }: About): RunState {
  const { codePackage, parameters, secrets, systemTags, tags, user } = submission(graph);
  const context = { tags, namespace, user, originRun: null };
  const run = runIdOf(graph.flow, number);
  const all = { ...defaultRunOptions, workersMax: 10_000, ...options };
  const about = { run, graph, codePackage, parameters, secrets, options: all, context, systemTags };
  const state = initialState({ kind: "runSubmitted", atMs: 0, ...about });
  advance(state, { kind: "runStarted", atMs: 0 });
  return state;
}
