import assert from "node:assert/strict";
import { test } from "node:test";
import type { FlowGraph, StepPolicy } from "../../proto/graph.ts";
import { foreach, graphOf, node, step } from "../../test/coordinator/graphs.ts";
import { Desk, type Opened } from "../../test/coordinator/publication-desk.ts";
import { advance } from "../core/advance.ts";
import type { QueuedTask } from "../ports/task-queue.ts";
import { windowMax } from "./backlog.ts";
import { momentMs } from "./haste.ts";

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
  assert.equal(desk.queued, 0);
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
  assert.ok(desk.queued <= inMoment);
});

void test("once tasks take longer, what was published ahead is in nobody's way", () => {
  const desk = new Desk();
  desk.connect({ slots: 2 });
  const [run, late] = [desk.run(), desk.run()];
  const [first, second] = desk.published();
  assert.ok(first !== undefined && second !== undefined);
  run.finish(run.start(first), { width: 1000 });
  hurry(desk, run, 4 * momentMs);
  const before = desk.queued;
  assert.ok(before > 10);
  late.finish(late.start(second, 100 * momentMs), { width: 10 });
  assert.deepEqual(runsOf(desk.published(100 * momentMs)), [1, 2]);
  assert.equal(desk.queued, 2);
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
  assert.equal(desk.queued, 0);
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

test("a pool in which no run has anything is forgotten, and so is a namespace that owes no turn", () => {
  const desk = new Desk();
  desk.connect({ slots: 1 });
  const stays = desk.run({}, { namespace: "user:stays" });
  const spends = desk.run({}, { namespace: "user:spends" });
  for (let turn = 0; turn < 2; turn += 1) {
    const [queued] = desk.published();
    assert.ok(queued !== undefined);
    const run = queued.run === stays.state.submitted.run ? stays : spends;
    run.finish(run.start(queued));
  }
  assert.deepEqual(desk.namespaces.toSorted(), ["user:spends", "user:stays"]);
  spends.publication.close();
  const others = Array.from({ length: 50 }, (_, at) => {
    const other = desk.run({}, { namespace: `user:${at}` });
    other.publication.close();
    return desk.namespaces.length;
  });
  assert.ok(Math.max(...others) <= 3, `${Math.max(...others)} namespaces are remembered`);
  assert.ok(desk.namespaces.includes("user:stays"));
  stays.publication.close();
  assert.deepEqual([...desk.backlog.pools()], []);
});
