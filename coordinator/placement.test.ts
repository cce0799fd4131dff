// Where tasks go: what workers offer, limits, turns. Workers are simulated and hold each task until the test ends it.

import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import type { StepResources } from "../proto/graph.ts";
import { parseStepName, type RunId } from "../proto/ids.ts";
import type { TaskOrder } from "../proto/order.ts";
import { foreach, linear, obedient, submission } from "../test/coordinator/graphs.ts";
import { finished, House, settle } from "../test/coordinator/harness.ts";
import type { SimulatedWorker, SimulatedWorkerOptions } from "../test/coordinator/simulated-worker.ts";
import { Random } from "../test/simulation/random.ts";
import type { Coordinator } from "./main.ts";
import { reserveAfterMs } from "./shell/dispatcher.ts";

const options = { timeout: 30_000 };
const nothing: StepResources = { cpu: null, memoryMiB: null, gpu: 0 };

type Offer = NonNullable<SimulatedWorkerOptions["offer"]>;
type Running = { readonly place: Place; readonly order: TaskOrder };

/** A worker, and what it runs. */
class Place {
  readonly id: string;
  readonly offer: Offer;
  readonly slots: number;
  readonly orders: TaskOrder[] = [];
  worker: SimulatedWorker | null = null;

  constructor(id: string, slots: number, offer: Offer) {
    this.id = id;
    this.slots = slots;
    this.offer = offer;
  }
}

/** Runs, their workers, and what both have seen. */
class Site {
  readonly house: House;
  readonly coordinator: Coordinator;
  readonly places: Place[] = [];
  /** In the order in which they came. */
  readonly running: Running[] = [];
  readonly graphs = new Map<RunId, { readonly graph: ReturnType<typeof foreach>; readonly width: number }>();
  onOrder: (place: Place, order: TaskOrder) => void = () => undefined;

  private constructor(house: House, coordinator: Coordinator) {
    this.house = house;
    this.coordinator = coordinator;
  }

  static async open(t: TestContext): Promise<Site> {
    const house = await House.open(t);
    return new Site(house, await house.start());
  }

  /** `run`: it takes tasks of that run alone. */
  async join(id: string, slots: number, { run, ...offer }: Offer & { readonly run?: RunId } = {}): Promise<Place> {
    const place = new Place(id, slots, offer);
    this.places.push(place);
    const execute = (order: TaskOrder): null => {
      place.orders.push(order);
      this.running.push({ place, order });
      this.onOrder(place, order);
      return null;
    };
    place.worker = await this.house.worker(this.coordinator, {
      id,
      slots,
      offer,
      runs: run === undefined ? [] : [run],
      execute,
      forgetful: true,
    });
    return place;
  }

  async submit(
    graph: ReturnType<typeof foreach>,
    width = 0,
    more: Parameters<typeof submission>[1] & { namespace?: string } = {},
  ): Promise<RunId> {
    const { namespace = "user:ada", ...runOptions } = more;
    const run = await this.coordinator.control.submit({ ...submission(graph, runOptions), namespace });
    this.graphs.set(run, { graph, width });
    await settle();
    return run;
  }

  /** Ends one that runs; which one is the test's choice. */
  async finish(at: number): Promise<void> {
    const [{ place, order } = assert.fail("nothing runs")] = this.running.splice(at, 1);
    const { graph, width } = this.graphs.get(order.run) ?? assert.fail(order.run);
    const held = [...(place.worker?.held.values() ?? [])].find(({ of }) => of.run === order.run && of.task === order.task);
    assert.ok(held !== undefined);
    place.worker?.report(held.of, obedient(graph, width)(order));
    await settle();
  }

  runningOf(place: Place): readonly TaskOrder[] {
    return this.running.filter((one) => one.place === place).map(({ order }) => order);
  }

  needs(order: TaskOrder): StepResources {
    const { graph } = this.graphs.get(order.run) ?? assert.fail(order.run);
    return graph.steps.find(({ name }) => name === order.step)?.policy.resources ?? nothing;
  }

  async statusOf(run: RunId): Promise<string> {
    return (await this.coordinator.control.run(run)).status;
  }

  async beat(): Promise<void> {
    for (const { worker } of this.places) worker?.beat();
    await settle();
  }
}

/** `work` needs so much. */
function needing(resources: Partial<StepResources>): ReturnType<typeof foreach> {
  return foreach({ resources: { ...nothing, ...resources } });
}

void test("a task goes to a worker of its pool that has all its labels, and to no other", options, async (t) => {
  const site = await Site.open(t);
  await site.join("plain", 4);
  await site.join("elsewhere", 4, { pool: "gpu", labels: { zone: "us" } });
  const right = await site.join("right", 1, { pool: "gpu", labels: { zone: "eu", disk: "ssd" } });
  await site.submit(linear(["start", "end"], { start: { resources: { ...nothing, pool: "gpu", labels: { zone: "eu", disk: "ssd" } } } }));
  assert.deepEqual(
    site.running.map(({ place }) => place.id),
    ["right"],
  );
  await site.finish(0);
  assert.deepEqual(
    site.running.map(({ place }) => place.id),
    ["plain"],
    "what asks for nothing goes to the default pool",
  );
  assert.equal(right.orders.length, 1);
});

void test("a machine by itself runs whatever is asked of it, as far as its slots go", options, async (t) => {
  const site = await Site.open(t);
  await site.join("laptop", 2, { cpu: 2, memoryMiB: 1024, unbounded: true });
  await site.submit(needing({ cpu: 64, memoryMiB: 1 << 20, gpu: 8, labels: { zone: "eu" }, pool: "gpu" }), 5);
  await site.finish(0);
  assert.equal(site.running.length, 2);
});

void test("what follows stays on the worker that has its inputs, and a foreach spreads over all", options, async (t) => {
  const site = await Site.open(t);
  const one = await site.join("one", 8);
  const two = await site.join("two", 8);
  await site.submit(linear(["start", "middle", "end"]));
  await site.finish(0);
  await site.finish(0);
  const [first] = site.running;
  assert.ok(first !== undefined);
  assert.equal(first.place.orders.length, 3);
  await site.finish(0);
  await site.submit(foreach(), 8);
  await site.finish(0);
  for (const place of [one, two]) assert.ok(site.runningOf(place).length >= 3, `${site.runningOf(place).length} of 8`);
});

void test("a worker with room gets the task although another has its inputs", options, async (t) => {
  const site = await Site.open(t);
  const small = await site.join("small", 1, { cpu: 1 });
  await site.submit(linear(["start", "large"], { large: { resources: { ...nothing, cpu: 2 } } }));
  const large = await site.join("large", 1, { cpu: 2 });
  await site.finish(0);
  assert.deepEqual([small.orders.length, large.orders.length], [1, 1]);
});

void test("smaller tasks that come again and again don't hold up a large one for ever", options, async (t) => {
  const site = await Site.open(t);
  const place = await site.join("w1", 4, { cpu: 4 });
  const small = await site.submit(needing({ cpu: 1 }), 1000);
  await site.finish(0);
  const large = await site.submit(linear(["start", "end"], { start: { resources: { ...nothing, cpu: 4 } } }));
  const started = (): boolean => place.orders.some(({ run }) => run === large);
  const round = async (): Promise<void> => {
    await site.finish(0);
    site.house.clock.advance(1000);
    await site.beat();
  };
  for (let passedMs = 0; passedMs < reserveAfterMs; passedMs += 1000) {
    await round();
    assert.equal(site.running.length, 4, "the worker doesn't idle for the large one yet");
  }
  for (let passedMs = 0; passedMs < 2 * reserveAfterMs && !started(); passedMs += 1000) await round();
  assert.ok(started());
  assert.deepEqual(
    site.running.map(({ order }) => order.run),
    [large],
  );
  await site.finish(0);
  assert.ok(site.running.length > 1, "the worker is kept free no longer");
  assert.equal(await site.statusOf(small), "running");
});

void test("a run of 5 goes past a run of 100,000", options, async (t) => {
  const site = await Site.open(t);
  await site.join("w1", 8);
  const large = await site.submit(foreach(), 100_000);
  await site.finish(0);
  while (site.running.length === 0) await settle();
  for (let round = 0; round < 20; round += 1) await site.finish(0);
  const little = await site.submit(foreach(), 5, { workersMax: 5 });
  let others = 0;
  while ((await site.statusOf(little)) === "running") {
    if (site.running[0]?.order.run === large) others += 1;
    await site.finish(0);
  }
  assert.ok(others <= 100, `${others} tasks of the other run came before`);
});

void test("a run with a worker of its own has that one, and its turns at the others", options, async (t) => {
  const site = await Site.open(t);
  const shared = await site.join("shared", 4);
  const first = await site.submit(foreach(), 50);
  await site.finish(0);
  const second = await site.submit(foreach(), 50);
  await site.finish(0);
  while (!site.running.some(({ order }) => order.run === second)) await site.finish(0);
  await site.finish(site.running.findIndex(({ order }) => order.run === second));
  const own = await site.join("own", 3, { run: second });
  await settle();
  for (let round = 0; round < 20; round += 1) await site.finish(0);
  assert.deepEqual(new Set(own.orders.map(({ run }) => run)), new Set([second]));
  assert.equal(site.runningOf(own).length, 3);
  assert.deepEqual(new Set(site.runningOf(shared).map(({ run }) => run)), new Set([first, second]));
  own.worker?.disconnect();
  for (let seconds = 0; seconds < 14; seconds += 2) {
    site.house.clock.advance(2000);
    await site.beat();
  }
  for (let round = 0; round < 200 && (await site.statusOf(second)) === "running"; round += 1) {
    const at = site.running.findIndex(({ place }) => place === shared);
    if (at === -1) site.house.clock.advance(1000);
    else await site.finish(at);
    await site.beat();
  }
  assert.equal(await site.statusOf(second), "succeeded", "what was on its own worker has run elsewhere");
});

void test("limits to concurrency hold over all runs of a flow, and everything runs in the end", options, async (t) => {
  const site = await Site.open(t);
  await site.join("w1", 10);
  await site.join("w2", 10);
  const graph = { ...foreach({ concurrencyMax: 3 }), concurrencyMax: 5 };
  site.onOrder = () => {
    const steps = site.running.map(({ order }) => order.step);
    assert.ok(steps.length <= 5, `${steps.length} tasks of the flow`);
    assert.ok(steps.filter((name) => name === "work").length <= 3);
  };
  const random = new Random(1);
  const runs: RunId[] = [];
  for (let number = 0; number < 7; number += 1) runs.push(await site.submit(graph, 4));
  while (site.running.length > 0) await site.finish(random.below(site.running.length));
  for (const run of runs) assert.equal(await site.statusOf(run), "succeeded");
});

void test("a limit to concurrency is not held up by what a worker that has left was to run", options, async (t) => {
  const site = await Site.open(t);
  const gpu = await site.join("gpu", 1, { pool: "gpu" });
  const graph = { ...linear(["start", "end"], { end: { resources: { ...nothing, pool: "gpu" } } }), concurrencyMax: 1 };
  await site.join("w1", 1);
  const first = await site.submit(graph);
  gpu.worker?.disconnect();
  await settle();
  await site.finish(0);
  await site.submit(graph);
  assert.equal(site.running.length, 1, "the other run has its turn");
  await gpu.worker?.connect();
  await settle();
  while (site.running.length > 0) await site.finish(0);
  assert.equal(await site.statusOf(first), "succeeded");
});

function randomOffer(random: Random): { readonly slots: number; readonly offer: Offer } {
  const labels: Record<string, string> = random.pick([{}, { zone: "eu" }, { zone: "us" }]);
  const pool = random.pick(["", "", "gpu"]);
  const sizes = { cpu: random.pick([1, 2, 4.5]), memoryMiB: random.pick([1024, 4096]), gpu: random.pick([0, 2]) };
  return { slots: 1 + random.below(4), offer: { ...sizes, labels, pool } };
}

function randomNeeds(random: Random): StepResources {
  const labels: Record<string, string> = random.pick([{}, {}, { zone: "eu" }]);
  const pool = random.pick(["default", "default", "gpu"]);
  const sizes = { cpu: random.pick([null, 0.1, 1, 3]), memoryMiB: random.pick([null, 500, 2048]), gpu: random.pick([0, 0, 1]) };
  return { ...sizes, labels, pool };
}

function fits({ offer, slots }: Place, { cpu, memoryMiB, gpu, labels = {}, pool = "default" }: StepResources): boolean {
  const sized = (offer.cpu ?? slots) >= (cpu ?? 0) && (offer.memoryMiB ?? 1024) >= (memoryMiB ?? 0) && (offer.gpu ?? 0) >= gpu;
  const labelled = Object.entries(labels).every(([name, value]) => offer.labels?.[name] === value);
  return sized && labelled && (offer.pool === "" ? "default" : offer.pool) === pool;
}

function sum(values: readonly (number | null)[]): number {
  return values.reduce<number>((total, value) => total + (value ?? 0), 0);
}

for (let seed = 1; seed <= 12; seed += 1) {
  void test(`no worker gets more than it offers, and every task that fits some worker is placed (seed ${seed})`, options, async (t) => {
    const random = new Random(seed);
    const site = await Site.open(t);
    site.onOrder = (place) => {
      const needs = site.runningOf(place).map((order) => site.needs(order));
      assert.ok(needs.length <= place.slots, `${place.id} has ${needs.length} tasks`);
      for (const one of needs) assert.ok(fits(place, one), `${JSON.stringify(one)} on ${JSON.stringify(place.offer)}`);
      assert.ok(sum(needs.map(({ cpu }) => cpu)) <= (place.offer.cpu ?? 0) + 1e-6, `cpu of ${place.id}`);
      assert.ok(sum(needs.map(({ memoryMiB }) => memoryMiB)) <= (place.offer.memoryMiB ?? 0), `memory of ${place.id}`);
      assert.ok(sum(needs.map(({ gpu }) => gpu)) <= (place.offer.gpu ?? 0), `gpu of ${place.id}`);
    };
    await site.join("base", 2, { cpu: 4, memoryMiB: 4096, gpu: 0, labels: {}, pool: "" });
    for (let number = 1; number <= 4; number += 1) {
      const { slots, offer } = randomOffer(random);
      await site.join(`w${number}`, slots, offer);
    }
    const runs: { readonly run: RunId; readonly placeable: boolean }[] = [];
    for (let number = 0; number < 8; number += 1) {
      const needs = randomNeeds(random);
      const graph = needing(needs);
      const run = await site.submit(graph, 1 + random.below(9), {
        namespace: random.pick(["a", "b"]),
        priority: random.pick([-50, 0, 50]),
      });
      runs.push({ run, placeable: site.places.some((place) => fits(place, needs)) });
    }
    for (let quiet = 0; quiet < 3;) {
      if (site.running.length > 0) await site.finish(random.below(site.running.length));
      else {
        quiet += 1;
        site.house.clock.advance(reserveAfterMs);
        await site.beat();
      }
      if (random.below(4) === 0) site.house.clock.advance(1000);
      await site.beat();
    }
    for (const { run, placeable } of runs) assert.equal(await site.statusOf(run), placeable ? "succeeded" : "running", run);
  });
}

void test("the coordinator says why tasks wait", options, async (t) => {
  const site = await Site.open(t);
  const why = async (run: RunId): Promise<readonly unknown[]> => {
    const { waiting } = await site.coordinator.control.waits(run);
    return waiting.map(({ step: name, reason, tasks }) => [name, tasks, reason]);
  };
  const run = await site.submit(needing({ cpu: 2, labels: { zone: "eu" } }), 10, { workersMax: 3 });
  assert.deepEqual(await why(run), [["start", 1, { kind: "noWorker", pool: "default" }]]);
  await site.join("w1", 4);
  await settle();
  await site.finish(0);
  const join = ["join", 1, { kind: "inputs", arrived: 0, inputs: 10 }];
  assert.deepEqual(await why(run), [["work", 10, { kind: "noLabels", pool: "default", lacking: ["zone=eu"] }]]);
  await site.join("w2", 4, { labels: { zone: "eu" }, cpu: 1 });
  assert.deepEqual(await why(run), [["work", 10, { kind: "tooLarge", beyond: [{ resource: "cpu", asks: 2, largest: 1 }] }]]);
  await site.join("w3", 4, { labels: { zone: "eu" }, cpu: 4 });
  await settle();
  assert.deepEqual(await why(run), [["work", 8, { kind: "busy", workers: 1 }]]);
  await site.join("w4", 8, { labels: { zone: "eu" }, cpu: 16 });
  await settle();
  assert.deepEqual(await why(run), [["work", 7, { kind: "runLimit", max: 3 }]]);
  await site.finish(0);
  assert.deepEqual(await why(run), [
    ["work", 6, { kind: "runLimit", max: 3 }],
    ["join", 1, { ...Object(join[2]), arrived: 1 }],
  ]);
  for (; site.running.length > 0;) await site.finish(0);
  assert.deepEqual(await why(run), []);
});

void test("who asks elsewhere why tasks wait is answered by the process that drives the run", options, async (t) => {
  const house = await House.open(t);
  const first = await house.start();
  const second = await house.start({ name: "c2" });
  const run = await first.control.submit(submission(linear(["start", "end"])));
  const expected = [{ step: parseStepName("start"), reason: { kind: "noWorker", pool: "default" }, tasks: 1, examples: ["start/0"] }];
  assert.deepEqual((await second.control.waits(run)).waiting, expected);
  assert.deepEqual((await first.control.waits(run)).waiting, expected);
  await first.control.cancel(run, { by: "ada" });
  await finished(first, run);
  assert.deepEqual((await first.control.waits(run)).waiting, []);
});
