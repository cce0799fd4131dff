// Collecting garbage from a coordinator that goes on working meanwhile.

import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import type { CollectReport, Retention } from "../proto/collect.ts";
import { ControlError } from "../proto/control.ts";
import type { RunId, Sha256 } from "../proto/ids.ts";
import type { TaskOrder, TaskOutcome } from "../proto/order.ts";
import { AgingStore } from "../test/blobs/aging-store.ts";
import { failed, linear, step, submission, succeeded } from "../test/coordinator/graphs.ts";
import { finished, House } from "../test/coordinator/harness.ts";
import { Random } from "../test/simulation/random.ts";
import type { Coordinator } from "./main.ts";

const hourMs = 60 * 60 * 1000;
const keepAll: Retention = { keepDays: null, keepLast: null, keepTags: [], namespace: null };
const graph = linear(["start", "end"]);

class Yard {
  readonly house: House;
  readonly store: AgingStore;
  readonly coordinator: Coordinator;
  readonly runs: RunId[] = [];
  /** What a task of that step keeps, and whether it fails. */
  makes: (order: TaskOrder) => { readonly contents: readonly string[]; readonly fails: boolean } = () => ({ contents: [], fails: false });

  private constructor(house: House, store: AgingStore, coordinator: Coordinator) {
    this.house = house;
    this.store = store;
    this.coordinator = coordinator;
  }

  static async open(context: TestContext): Promise<Yard> {
    const house = await House.open(context);
    const store = new AgingStore(() => house.clock.nowMs());
    const coordinator = await house.start({ sweep: store });
    const yard = new Yard(house, store, coordinator);
    await house.worker(coordinator, { slots: 4, execute: (order) => yard.#execute(order), forgetful: true });
    return yard;
  }

  #execute(order: TaskOrder): TaskOutcome {
    const { contents, fails } = this.makes(order);
    if (fails) return failed("as it was told to");
    const artifacts = Object.fromEntries(contents.map((content, at) => [`v${at}`, this.store.keep(content)]));
    const taken = order.step === "end" ? ({ kind: "end" } as const) : ({ kind: "linear", to: step("end") } as const);
    return { ...succeeded(taken), artifacts };
  }

  async run(codePackage = "package", namespace = "user:ada"): Promise<RunId> {
    const run = await this.coordinator.control.submit({ ...submission(graph), namespace, codePackage: this.store.put(codePackage) });
    this.runs.push(run);
    await finished(this.coordinator, run);
    return run;
  }

  async resume(origin: RunId, codePackage: Sha256): Promise<void> {
    const resume = {
      origin,
      from: null,
      changedSteps: [],
      changedParameters: [],
      stepsReadingParameters: {},
      rerunCaught: false,
    };
    const run = await this.coordinator.control.submit({ ...submission(graph), codePackage, resume });
    this.runs.push(run);
    await finished(this.coordinator, run);
  }

  collect(retention: Partial<Retention> = {}, dryRun = false): Promise<CollectReport> {
    return this.coordinator.control.collect({ retention: { ...keepAll, ...retention }, keepLogs: false, dryRun, by: "ada" });
  }

  later(hours: number): void {
    this.house.clock.jump(hours * hourMs);
  }

  /** From the events' text, without the collector's own notion of what a run needs. */
  async needed(): Promise<ReadonlySet<string>> {
    const needed = new Set<string>();
    for (const run of this.runs) {
      const text = JSON.stringify(await this.house.events(run));
      if (!text.includes('"artifactsCollected"')) for (const [name] of text.matchAll(/[0-9a-f]{64}/g)) needed.add(name);
    }
    return needed;
  }

  async assertWhole(): Promise<void> {
    for (const name of await this.needed()) assert.ok(this.store.blobs.has(name as Sha256), `blob ${name} is needed and gone`);
  }
}

test("what no run needs goes when it is old, and stays while somebody may be about to name it", async (context) => {
  const yard = await Yard.open(context);
  yard.makes = () => ({ contents: ["kept"], fails: false });
  await yard.run();
  const left = yard.store.put("left by a crash");
  assert.deepEqual((await yard.collect()).young, { blobs: 1, bytes: 1 });
  assert.ok(yard.store.blobs.has(left));
  yard.later(49);
  const dry = await yard.collect({}, true);
  assert.ok(yard.store.blobs.has(left));
  const report = await yard.collect();
  assert.deepEqual([report.deleted, report.needed, report.keptRuns], [{ blobs: 1, bytes: 1 }, { blobs: 2, bytes: 2 }, 1]);
  assert.deepEqual({ ...dry, dryRun: false }, report);
  assert.ok(!yard.store.blobs.has(left));
  await yard.assertWhole();
});

test("a collection that is asked for again with its key is not done again, and tells what came of it", async (context) => {
  const yard = await Yard.open(context);
  await yard.run();
  yard.later(100);
  const left = yard.store.put("left by a crash");
  const request = { retention: keepAll, keepLogs: false, dryRun: false, by: "ada" };
  const { control } = yard.coordinator;
  yard.later(49);
  const [first, again] = await Promise.all([control.collect({ ...request, key: "one" }), control.collect({ ...request, key: "one" })]);
  assert.deepEqual([first, first.deleted.blobs, yard.store.blobs.has(left)], [again, 1, false]);
  assert.deepEqual(await control.collect({ ...request, key: "one" }), first);
  assert.equal((await control.collect({ ...request, key: "another" })).deleted.blobs, 0);
});

test("a run that no rule keeps gives up what it alone needs, says so, and can be neither resumed nor retried", async (context) => {
  const yard = await Yard.open(context);
  yard.makes = ({ run }) => ({ contents: ["shared", run], fails: false });
  const [first, second] = [await yard.run(), await yard.run()];
  yard.later(100);
  const report = await yard.collect({ keepLast: 1 });
  assert.deepEqual([report.runs, report.deleted.blobs], [[first], 1]);
  await yard.assertWhole();
  const view = await yard.coordinator.control.run(first);
  assert.equal(view.collectedAtMs, yard.house.clock.nowMs());
  const conflict = { code: "conflict", message: /the artifacts of Linear\/1 were collected as garbage: run its flow anew/ };
  await assert.rejects(yard.resume(first, yard.store.put("package")), conflict);
  await assert.rejects(yard.coordinator.control.retry(first, { by: "ada" }, null), conflict);
  assert.equal((await yard.coordinator.control.run(second)).collectedAtMs, undefined);
});

test("each rule keeps: days, the newest, tags, another namespace", async (context) => {
  const yard = await Yard.open(context);
  yard.makes = ({ run }) => ({ contents: [run], fails: false });
  const [oldest, tagged] = [await yard.run(), await yard.run()];
  await yard.coordinator.control.tag(tagged, { by: "ada" }, { add: ["release"], remove: [] });
  yard.later(100);
  const newest = await yard.run();
  const collected = async (rules: Partial<Retention>): Promise<readonly RunId[]> => (await yard.collect(rules, true)).runs;
  assert.deepEqual(await collected({}), []);
  assert.deepEqual(await collected({ keepDays: 1 }), [tagged, oldest]);
  assert.deepEqual(await collected({ keepDays: 5 }), []);
  assert.deepEqual(await collected({ keepLast: 0 }), [newest, tagged, oldest]);
  assert.deepEqual(await collected({ keepLast: 2 }), [oldest]);
  assert.deepEqual(await collected({ keepDays: 1, keepTags: ["release"] }), [oldest]);
  assert.deepEqual(await collected({ keepLast: 0, namespace: "user:bob" }), []);
  assert.deepEqual(await collected({ keepLast: 0, namespace: "user:ada" }), [newest, tagged, oldest]);
});

test("the newest runs of a namespace are kept however many others have run since", async (context) => {
  const yard = await Yard.open(context);
  const [older, own] = [await yard.run(), await yard.run()];
  for (let runs = 0; runs < 3; runs += 1) await yard.run("package", "user:bob");
  yard.later(100);
  assert.deepEqual((await yard.collect({ keepLast: 1, namespace: "user:ada" }, true)).runs, [older]);
  assert.ok((await yard.collect({ keepLast: 1 }, true)).runs.includes(own), "of all namespaces, it is none of the newest");
});

test("what a run comes to need while the store is looked through stays", async (context) => {
  const house = await House.open(context);
  const store = new AgingStore(() => house.clock.nowMs());
  const coordinator = await house.start({ sweep: store });
  const worker = await house.worker(coordinator, { slots: 1, execute: () => null });
  const run = await coordinator.control.submit({ ...submission(graph), codePackage: store.put("package") });
  await worker.until(() => worker.assigned("start/0").length === 1);
  // Stored long before it is named: nobody else would protect it.
  const slow = store.keep("slow");
  house.clock.jump(100 * hourMs);
  store.meanwhile = async () => {
    store.meanwhile = async () => undefined;
    worker.finish("start/0", { ...succeeded({ kind: "linear", to: step("end") }), artifacts: { slow } });
    await worker.until(() => worker.assigned("end/0").length === 1);
  };
  const report = await coordinator.control.collect({ retention: keepAll, keepLogs: false, dryRun: false, by: "ada" });
  assert.equal(report.deleted.blobs, 0);
  assert.ok(store.blobs.has(slow.sha256));
  assert.equal((await coordinator.control.run(run)).collectedAtMs, undefined);
});

test("what a run comes to need while others' garbage is being deleted stays, however much of that there is", async (context) => {
  const house = await House.open(context);
  const store = new AgingStore(() => house.clock.nowMs());
  const coordinator = await house.start({ sweep: store });
  const worker = await house.worker(coordinator, { slots: 1, execute: () => null });
  await coordinator.control.submit({ ...submission(graph), codePackage: store.put("package") });
  await worker.until(() => worker.assigned("start/0").length === 1);
  const garbage = Array.from({ length: 20_500 }, (_, at) => store.keep(`left ${at}`));
  const [slow] = garbage.toSorted((one, other) => (one.sha256 < other.sha256 ? 1 : -1));
  assert.ok(slow !== undefined);
  house.clock.jump(100 * hourMs);
  const before = store.blobs.size;
  store.meanwhile = async () => {
    if (store.blobs.size === before) return;
    store.meanwhile = async () => undefined;
    worker.finish("start/0", { ...succeeded({ kind: "linear", to: step("end") }), artifacts: { slow } });
    await worker.until(() => worker.assigned("end/0").length === 1);
  };
  const report = await coordinator.control.collect({ retention: keepAll, keepLogs: false, dryRun: false, by: "ada" });
  assert.deepEqual([report.deleted.blobs, report.needed.blobs, store.blobs.size], [garbage.length - 1, 2, 2]);
  assert.ok(store.blobs.has(slow.sha256));
});

test(
  "whatever happens meanwhile and wherever it dies, nothing that a run needs is ever deleted, and in the end all else is",
  { timeout: 120_000 },
  async (context) => {
    for (let seed = 1; seed <= 25; seed += 1) {
      const yard = await Yard.open(context);
      await new Storm(yard, new Random(seed)).pass().catch((error: unknown) => {
        throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
      });
    }
  },
);

/** Random runs, resumes, retries, ages and collections, some of which die. */
class Storm {
  readonly #yard: Yard;
  readonly #random: Random;
  #busy = false;

  constructor(yard: Yard, random: Random) {
    this.#yard = yard;
    this.#random = random;
    yard.makes = () => ({
      contents: Array.from({ length: random.below(3) }, () => `content ${random.below(12)}`),
      fails: random.below(6) === 0,
    });
    yard.store.meanwhile = () => this.#act();
  }

  async pass(): Promise<void> {
    const { store } = this.#yard;
    for (let round = 0; round < 30; round += 1) {
      await this.#act();
      if (this.#random.below(4) === 0) store.put(`garbage ${round}`);
      this.#yard.later(this.#random.below(40));
      if (this.#random.below(2) === 0) await this.#collect();
      await this.#yard.assertWhole();
    }
    store.deletionsLeft = null;
    store.meanwhile = async () => undefined;
    this.#yard.later(100);
    await this.#yard.collect();
    assert.deepEqual(new Set(store.blobs.keys()), await this.#yard.needed());
  }

  async #collect(): Promise<void> {
    const { store } = this.#yard;
    store.deletionsLeft = this.#random.below(3) === 0 ? this.#random.below(5) : null;
    const rules = [{}, { keepLast: this.#random.below(3) }, { keepDays: this.#random.below(6) }][this.#random.below(3)] ?? {};
    await this.#yard.collect(rules, this.#random.below(5) === 0).catch(ignoreRefusals);
  }

  /** At most one thing at a time, also while the store is listed. */
  async #act(): Promise<void> {
    if (this.#busy || this.#random.below(4) > 0) return;
    this.#busy = true;
    await this.#actNow().catch(ignoreRefusals);
    this.#busy = false;
  }

  async #actNow(): Promise<void> {
    const yard = this.#yard;
    const some = yard.runs[this.#random.below(yard.runs.length)];
    const kind = some === undefined ? 0 : this.#random.below(4);
    if (kind <= 1 || some === undefined) await yard.run(`package ${this.#random.below(3)}`);
    else if (kind === 2) await yard.resume(some, yard.store.put(`package ${this.#random.below(3)}`));
    else {
      await yard.coordinator.control.retry(some, { by: "ada" }, null);
      await finished(yard.coordinator, some);
    }
  }
}

function ignoreRefusals(error: unknown): void {
  if (!(error instanceof ControlError)) throw error;
}
