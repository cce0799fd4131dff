import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultRunOptions, type RunEvent, type RunOptions } from "../../proto/event.ts";
import type { FlowGraph, StepPolicy } from "../../proto/graph.ts";
import { parseTaskId, runIdOf } from "../../proto/ids.ts";
import type { TaskOutcome } from "../../proto/order.ts";
import { foreach, graphOf, node, obedient, step, submission } from "../../test/coordinator/graphs.ts";
import { advance } from "../core/advance.ts";
import { decideOutcome, decideStart } from "../core/decide.ts";
import type { Decision } from "../core/decision.ts";
import { initialState, type RunState } from "../core/state.ts";
import type { QueuedTask } from "../ports/task-queue.ts";
import { Backlog, windowMax } from "./backlog.ts";
import { leave } from "./concurrency.ts";
import { momentMs } from "./haste.ts";
import { Publication, type Hint } from "./publication.ts";
import { Workers } from "./workers.ts";

type Offered = { readonly id?: string; readonly slots: number; readonly cpu?: number; readonly pool?: string; readonly runs?: string[] };
type Running = { readonly hint: Hint; readonly lease: number };

/** A backlog whose queue is what the test makes of what is published. */
class Desk {
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

  lease(): number {
    this.#leases += 1;
    return this.#leases;
  }
}

class Opened {
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

/** `work` asks for so much. */
function needy(resources: Partial<StepPolicy["resources"]>): FlowGraph {
  return foreach({ resources: { cpu: null, memoryMiB: null, gpu: 0, ...resources } });
}

function runsOf(tasks: readonly QueuedTask[]): readonly number[] {
  return tasks.map(({ run }) => Number(run.split("/")[1]));
}

void test("what became ready is published only once it is offered, which is when that is durable", () => {
  const desk = new Desk();
  desk.connect({ slots: 4 });
  const run = desk.run();
  run.fanOut(2, false);
  assert.deepEqual(desk.published(), []);
  for (const { id } of run.state.ready) run.publication.offer(id);
  assert.equal(desk.published().length, 2);
});

void test("a queue never holds more than connected workers could run at once, and never more than its window", () => {
  const desk = new Desk();
  desk.connect({ slots: 3 });
  desk.run().fanOut(5000);
  assert.equal(desk.published().length, 3);
  assert.equal(desk.published().length, 0);
  desk.connect({ id: "w2", slots: 5000 });
  assert.equal(desk.published().length, windowMax - 3);
});

void test("a place is refilled when a task starts, and a task that came to nothing frees its place", () => {
  const desk = new Desk();
  desk.connect({ slots: 2 });
  const run = desk.run();
  run.fanOut(10);
  const [one, two] = desk.published();
  assert.ok(one !== undefined && two !== undefined);
  run.start(one);
  const [three] = desk.published();
  assert.ok(three !== undefined);
  advance(run.state, { kind: "cancelRequested", atMs: 0, by: "ada" });
  assert.equal(run.publication.taken(two), null);
  run.publication.dropStale();
  assert.equal(desk.backlog.pool("default").queued, 0);
});

/** Lets a task begin every two milliseconds until `untilMs`; gives what was published at each such time. */
function hurry(desk: Desk, run: Opened, untilMs: number): readonly (readonly QueuedTask[])[] {
  const queue = [...desk.published()];
  const batches: (readonly QueuedTask[])[] = [];
  for (let nowMs = 0; nowMs < untilMs; nowMs += 2) {
    run.finish(run.start(queue.shift() ?? assert.fail(), nowMs));
    const batch = desk.published(nowMs);
    batches.push(batch);
    queue.push(...batch);
  }
  return batches;
}

void test("where tasks are short, what workers begin in a moment is published ahead, and together", () => {
  const desk = new Desk();
  desk.connect({ slots: 2 });
  const run = desk.run();
  run.fanOut(1000);
  const inMoment = momentMs / 2;
  const batches = hurry(desk, run, 8 * momentMs)
    .slice(2 * inMoment)
    .filter(({ length }) => length > 0);
  assert.ok(batches.length > 10 && batches.every(({ length }) => length >= inMoment / 2 - 1));
  assert.ok(desk.backlog.pool("default").queued <= inMoment);
});

void test("once tasks take longer, what was published ahead is in nobody's way", () => {
  const desk = new Desk();
  desk.connect({ slots: 2 });
  const [run, late] = [desk.run(), desk.run()];
  const [first, second] = desk.published();
  assert.ok(first !== undefined && second !== undefined);
  run.finish(run.start(first), { width: 1000 });
  hurry(desk, run, 4 * momentMs);
  const before = desk.backlog.pool("default").queued;
  assert.ok(before > 10);
  late.finish(late.start(second, 100 * momentMs), { width: 10 });
  assert.deepEqual(runsOf(desk.published(100 * momentMs)), [1, 2]);
  assert.equal(desk.backlog.pool("default").queued, 2);
});

void test("no more is published of a run than it may still start", () => {
  const desk = new Desk();
  desk.connect({ slots: 100 });
  const run = desk.run({ workersMax: 3 });
  run.fanOut(20);
  const [one, ...others] = desk.published();
  assert.ok(one !== undefined && others.length === 2);
  const running = run.start(one);
  assert.equal(desk.published().length, 0);
  run.finish(running);
  assert.equal(desk.published().length, 1);
});

void test("what no connected worker could take is not published until one comes, and is given back when it leaves", () => {
  const desk = new Desk();
  desk.connect({ slots: 4, cpu: 4 });
  const run = desk.run({}, { graph: needy({ cpu: 8 }) });
  run.fanOut(3);
  assert.deepEqual(desk.published(), []);
  desk.connect({ id: "large", slots: 4, cpu: 16 });
  const tasks = desk.published();
  assert.equal(tasks.length, 2);
  desk.disconnect("large");
  assert.equal(run.publication.taken(tasks[0] ?? assert.fail()), null);
  assert.deepEqual(desk.published(), []);
  desk.connect({ id: "large", slots: 4, cpu: 16 });
  assert.deepEqual(desk.published(), tasks, "in the order of before");
});

void test("a worker that takes some runs only makes room for these alone", () => {
  const desk = new Desk();
  const [first, second] = [desk.run(), desk.run()];
  desk.connect({ slots: 2, runs: [second.state.submitted.run] });
  assert.deepEqual(runsOf(desk.published()), [2]);
  desk.connect({ id: "w2", slots: 1 });
  assert.deepEqual(runsOf(desk.published()), [1]);
  first.publication.close();
  second.publication.close();
  assert.equal(desk.backlog.pool("default").queued, 0);
});

void test("a task that found no room takes no other shape's place in the queue", () => {
  const desk = new Desk();
  desk.connect({ slots: 4, cpu: 4 });
  const large = desk.run({}, { graph: needy({ cpu: 4 }) });
  large.fanOut(5);
  const [one, ...none] = desk.published();
  assert.ok(one !== undefined && none.length === 0);
  const hint = large.publication.taken(one);
  assert.ok(hint !== null);
  desk.backlog.park(hint, 0);
  assert.deepEqual(desk.published(), [], "one of its kind is out");
  desk.run();
  assert.deepEqual(runsOf(desk.published()), [2]);
});

void test("tasks of one kind that fill the queue make room for those of another kind, one for one", () => {
  const desk = new Desk();
  desk.connect({ slots: 4 * windowMax });
  const [many, few] = [desk.run(), desk.run({}, { graph: needy({ cpu: 1 }) })];
  const [first, second] = desk.published();
  assert.ok(first !== undefined && second !== undefined);
  const starting = few.start(second);
  many.finish(many.start(first), { width: 3 * windowMax });
  const waiting = desk.published();
  assert.equal(waiting.length, windowMax);
  few.finish(starting, { width: 5 });
  assert.deepEqual(desk.published(), []);
  for (const queued of waiting.slice(0, 10)) many.start(queued);
  assert.deepEqual(
    runsOf(desk.published()).toSorted((a, b) => a - b),
    [1, 1, 1, 1, 1, 2, 2, 2, 2, 2],
  );
});

type Contender = { readonly namespace?: string; readonly priority?: number };

/** Lets each of the runs have many ready tasks; how many of each are published where there is room for `slots`, and `own` for each run alone. */
function turns(slots: number, abouts: readonly Contender[], own = 0): readonly number[] {
  const desk = new Desk();
  desk.connect({ slots });
  const runs = abouts.map(({ priority = 0, ...about }) => desk.run({ priority }, about));
  const started = desk.published().map((queued) => {
    const run = runs.find(({ state }) => state.submitted.run === queued.run) ?? assert.fail();
    return { run, running: run.start(queued) };
  });
  assert.equal(started.length, runs.length);
  for (const { run, running } of started) run.finish(running, { width: 900, offered: false });
  for (const [at, { state }] of runs.entries()) if (own > 0) desk.connect({ id: `own${at}`, slots: own, runs: [state.submitted.run] });
  for (const { state, publication } of runs) for (const { id } of state.ready) publication.offer(id);
  const order = runsOf(desk.published());
  assert.equal(order.length, slots + own * runs.length);
  return abouts.map((_, at) => order.filter((run) => run === at + 1).length);
}

void test("namespaces take turns whatever they have, and so do the runs of each", () => {
  assert.deepEqual(turns(12, [{ namespace: "a" }, { namespace: "a" }, { namespace: "b" }]), [3, 3, 6]);
});

void test("ten points of priority double a run's turns, and the lowest still has some", () => {
  const [ten = 0, none = 0] = turns(300, [{ priority: 10 }, {}]);
  assert.ok(Math.abs(ten - 2 * none) <= 3, `${ten} and ${none}`);
  const [most = 0, least = 0] = turns(300, [{ priority: 50 }, { priority: -20 }]);
  assert.ok(least >= 1 && most > 50 * least, `${most} and ${least}`);
});

void test("what a run has workers of its own for takes it no turns among the others", () => {
  assert.deepEqual(turns(12, [{ namespace: "a" }, { namespace: "a" }, { namespace: "b" }], 5), [8, 8, 11]);
  const [ten = 0, none = 0] = turns(300, [{ priority: 10 }, {}], 50);
  assert.ok(Math.abs(ten - 50 - 2 * (none - 50)) <= 3, `${ten} and ${none}`);
});

void test("limits to concurrency hold for what is out and what runs, over all runs of the flow", () => {
  const desk = new Desk();
  desk.connect({ slots: 100 });
  const graph = { ...foreach({ concurrencyMax: 3 }), concurrencyMax: 5 };
  const runs = [desk.run({ workersMax: 90 }, { graph }), desk.run({ workersMax: 90 }, { graph })];
  for (const queued of desk.published()) {
    const run = runs.find(({ state }) => state.submitted.run === queued.run) ?? assert.fail();
    run.finish(run.start(queued), { width: 10 });
  }
  const tasks = desk.published();
  assert.equal(tasks.length, 3);
  const run = runs.find(({ state }) => state.submitted.run === tasks[0]?.run) ?? assert.fail();
  const running = run.start(tasks[0] ?? assert.fail());
  assert.equal(desk.published().length, 0);
  run.finish(running);
  assert.equal(desk.published().length, 1);
  const starts = [desk.run({}, { graph }), desk.run({}, { graph }), desk.run({}, { graph })];
  assert.equal(desk.published().length, 2, "five of the flow in all");
  for (const { publication } of [...runs, ...starts]) publication.close();
  const alone = desk.run({}, { graph });
  alone.fanOut(10);
  assert.equal(desk.published().length, 3, "what is closed counts no longer");
});

void test("steps of a run that are ready together take turns", () => {
  const arm = (name: string) => [
    node(name, { kind: "foreach", to: step(`${name}Work`), artifact: "items" }, { within: ["start"] }),
    node(`${name}Work`, { kind: "linear", to: step(`${name}Join`) }, { within: ["start", name] }),
    node(`${name}Join`, { kind: "linear", to: step("join") }, { joins: name, within: ["start"] }),
  ];
  const graph = graphOf("Fan", [
    node("start", { kind: "branch", to: [step("left"), step("right")] }),
    ...arm("left"),
    ...arm("right"),
    node("join", { kind: "linear", to: step("end") }, { joins: "start" }),
    node("end", { kind: "end" }),
  ]);
  const desk = new Desk();
  desk.connect({ slots: 8 });
  const run = desk.run({}, { graph });
  run.fanOut(0);
  const arms = desk.published().map((queued) => run.start(queued));
  for (const running of arms) run.finish(running, { width: 50 });
  const tasks = desk.published().map(({ task }) => task.split("/")[0]);
  assert.deepEqual([tasks.filter((name) => name === "leftWork").length, tasks.length], [4, 8]);
});

void test("what was given back is published again, before all others", () => {
  const desk = new Desk();
  desk.connect({ slots: 1 });
  const run = desk.run();
  run.fanOut(3);
  const [one] = desk.published();
  assert.ok(one !== undefined);
  run.publication.giveBack(run.publication.taken(one) ?? assert.fail());
  assert.deepEqual(desk.published(), [one]);
});

void test("what nobody took is published again after a while, once", () => {
  const desk = new Desk();
  desk.connect({ slots: 2 });
  const run = desk.run();
  run.fanOut(2);
  const [one, two] = desk.published(1000);
  assert.ok(one !== undefined && two !== undefined);
  assert.deepEqual(run.publication.olderThan("default", 999, 2000), []);
  run.start(one);
  assert.deepEqual(run.publication.olderThan("default", 1000, 2000), [two]);
  assert.deepEqual(run.publication.olderThan("default", 1999, 3000), []);
  assert.deepEqual(run.publication.olderThan("other", 5000, 5000), []);
});
