import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { LedgerError, type Ledger } from "./ports/ledger.ts";
import type { RecordedEvent } from "../proto/event.ts";
import type { RunId } from "../proto/ids.ts";
import type { TaskOrder, TaskOutcome } from "../proto/order.ts";
import { DyingLedger, type Death } from "../test/coordinator/dying-ledger.ts";
import { failed, foreach, linear, obedient, step, submission, succeeded } from "../test/coordinator/graphs.ts";
import { parseTaskId } from "../proto/ids.ts";
import { finished, House, settle } from "../test/coordinator/harness.ts";
import type { SimulatedWorker } from "../test/coordinator/simulated-worker.ts";

const options = { timeout: 25_000 };
const fan = foreach({ retry: { times: 1, minutesBetween: 0, backoff: 1, maxMinutes: 0, on: null } });

/** One of the three fails once. */
function execute(order: TaskOrder): TaskOutcome {
  return order.task === "work/1" && order.attempt === 0 ? failed("once") : obedient(fan, 3)(order);
}

/** Every task has one accepted result, and its leases rise. */
function checkHistory(events: readonly RecordedEvent[], width: number): void {
  const results = new Map<string, number>();
  const leases = new Map<string, number>();
  for (const { event } of events) {
    if (event.kind === "taskSucceeded") results.set(event.task, (results.get(event.task) ?? 0) + 1);
    if (event.kind !== "taskStarted") continue;
    assert.ok(event.lease > (leases.get(event.task) ?? -1), `${event.task} was given lease ${event.lease} again`);
    leases.set(event.task, event.lease);
  }
  assert.equal(results.size, width + 3);
  for (const [task, count] of results) assert.equal(count, 1, task);
}

/** Runs the flow under a coordinator that dies, then under one that takes the run up. */
async function liveThrough(t: TestContext, death: Death): Promise<{ readonly died: boolean }> {
  const house = await House.open(t);
  const ledger = new DyingLedger(house.ledger, death);
  const first = await house.start({ ledger });
  const worker = await house.worker(first, { slots: 2, execute });
  const run = await first.control.submit(submission(fan));
  const over = finished(first, run).then(() => false);
  const died = await Promise.race([ledger.died.then(() => true), over]);
  if (!died) return { died };
  await settle(); // What the process did beyond its last append must not matter.
  worker.disconnect();
  ledger.bury();
  house.dead.add("c1");
  const second = await house.start({ name: "c2", adoptUnfinished: true });
  await worker.connect(second.address);
  await finished(second, run);
  assert.equal((await second.control.run(run)).status, "succeeded");
  checkHistory(await house.events(run), 3);
  return { died };
}

void test("a run goes on after the coordinator's death at every boundary, and each result counts once", options, async (t) => {
  for (const when of ["before", "after"] as const) {
    let atAppend = 1;
    while ((await liveThrough(t, { atAppend, when })).died) atAppend += 1;
    assert.ok(atAppend > 5, `only ${atAppend} boundaries were tried`);
  }
});

void test("what ran under a dead coordinator goes on under the next one, if its worker comes back", options, async (t) => {
  const house = await House.open(t);
  const ledger = new DyingLedger(house.ledger, { atAppend: 2, when: "before" });
  const first = await house.start({ ledger });
  const graph = linear(["start", "end"]);
  const worker = await house.worker(first, { slots: 1, execute: () => null });
  const run = await first.control.submit(submission(graph));
  await worker.until(() => worker.count("assign") === 1);
  house.clock.advance(100); // The start is appended by itself.
  await settle();
  worker.finish("start/0", obedient(graph)({ step: step("start") } as TaskOrder));
  await ledger.died;
  worker.disconnect();
  ledger.bury();
  house.dead.add("c1");
  const second = await house.start({ name: "c2", adoptUnfinished: true });
  await worker.connect(second.address);
  await worker.until(() => worker.assigned("end/0").length === 1);
  worker.finish("end/0", succeeded({ kind: "end" }));
  await finished(second, run);
  assert.equal((await house.kinds(run)).filter((kind) => kind === "taskStarted start/0").length, 1);
});

async function abandoned(t: TestContext): Promise<{ readonly house: House; readonly run: RunId; readonly worker: SimulatedWorker }> {
  const house = await House.open(t);
  const ledger = new DyingLedger(house.ledger, { atAppend: 2, when: "before" });
  const first = await house.start({ ledger });
  const worker = await house.worker(first, { slots: 1, execute: () => null });
  const run = await first.control.submit(submission(linear(["start", "end"])));
  await worker.until(() => worker.count("assign") === 1);
  house.clock.advance(100);
  await settle();
  worker.disconnect();
  ledger.bury();
  house.dead.add("c1");
  return { house, run, worker };
}

void test("what ran under a dead coordinator is lost when nobody comes back within the lease time", options, async (t) => {
  const { house, run } = await abandoned(t);
  const second = await house.start({ name: "c2", adoptUnfinished: true });
  const other = await house.worker(second, { id: "w2", slots: 1, execute: obedient(linear(["start", "end"])) });
  const seen = finished(second, run);
  for (let second = 0; second < 12; second += 1) {
    house.clock.advance(1000);
    other.beat();
    await settle();
  }
  await seen;
  const lost = (await house.events(run)).flatMap(({ event }) => (event.kind === "taskFailed" ? [event.failure.kind] : []));
  assert.deepEqual(lost, ["lost"]);
});

void test("where workers die with their coordinator, what ran is lost at once", options, async (t) => {
  const { house, run } = await abandoned(t);
  const second = await house.start({ name: "c2", adoptGraceMs: 0 });
  await second.adopt(run);
  await house.worker(second, { id: "w2", slots: 1, execute: obedient(linear(["start", "end"])) });
  await finished(second, run);
  assert.equal((await second.control.run(run)).status, "succeeded");
});

void test("a run that was stopping when its coordinator died can be retried by the next one at once", options, async (t) => {
  const house = await House.open(t);
  const ledger = new DyingLedger(house.ledger, { atAppend: 2, when: "after" });
  const first = await house.start({ ledger });
  const worker = await house.worker(first, { slots: 1, execute: () => null });
  const run = await first.control.submit(submission(linear(["start", "end"])));
  await worker.until(() => worker.count("assign") === 1);
  house.clock.advance(100);
  await settle();
  first.control.cancel(run, { by: "ada" }).catch(() => undefined);
  await ledger.died;
  worker.disconnect();
  ledger.bury();
  house.dead.add("c1");
  assert.equal((await house.kinds(run)).at(-1), "cancelRequested");
  const second = await house.start({ name: "c2", adoptGraceMs: 0 });
  await second.control.retry(run, { by: "ada" }, null);
  await house.worker(second, { id: "w2", slots: 1, execute: obedient(linear(["start", "end"])) });
  await finished(second, run);
  assert.equal((await second.control.run(run)).status, "succeeded");
});

void test("a run whose coordinator died is cancelled by whoever is asked", options, async (t) => {
  const { house, run } = await abandoned(t);
  const second = await house.start({ name: "c2", adoptGraceMs: 0, listen: null });
  await second.control.cancel(run, { by: "ada" });
  await finished(second, run);
  assert.equal((await second.control.run(run)).status, "cancelled");
});

void test("a finished run is not taken up again, and its tasks do not run again", options, async (t) => {
  const house = await House.open(t);
  const graph = linear(["start", "end"]);
  const first = await house.start();
  await house.worker(first, { slots: 1, execute: obedient(graph) });
  const run = await first.control.submit(submission(graph));
  await finished(first, run);
  const before = await house.kinds(run);
  house.dead.add("c1");
  const second = await house.start({ name: "c2", adoptUnfinished: true });
  const worker = await house.worker(second, { id: "w2", slots: 1, execute: obedient(graph) });
  await second.adopt(run);
  await house.pass(5000);
  assert.deepEqual(await house.kinds(run), before);
  assert.equal(worker.count("assign"), 0);
  assert.equal(await house.ledger.owner(run), null);
});

void test("of two coordinators that take up one run, one does", options, async (t) => {
  const { house, run } = await abandoned(t);
  const [second, third] = [await house.start({ name: "c2", adoptGraceMs: 0 }), await house.start({ name: "c3", adoptGraceMs: 0 })];
  const results = await Promise.allSettled([second.adopt(run), third.adopt(run)]);
  assert.deepEqual(results.map(({ status }) => status).sort(), ["fulfilled", "rejected"]);
});

void test("a driver that meets another's events reads the ledger again and goes on", options, async (t) => {
  const house = await House.open(t);
  const graph = linear(["start", "end"]);
  const coordinator = await house.start();
  const worker = await house.worker(coordinator, { slots: 1, execute: () => null });
  const run = await coordinator.control.submit(submission(graph));
  await worker.until(() => worker.count("assign") === 1);
  const view = await coordinator.control.run(run);
  const { items } = await house.ledger.list({ limit: 1 });
  const [index] = items;
  assert.ok(index !== undefined);
  await house.ledger.append(run, view.seq, [{ kind: "tagsChanged", atMs: 1, by: "other", add: ["odd"], remove: [] }], index);
  worker.finish("start/0", obedient(graph)({ step: step("start") } as TaskOrder));
  // The outcome was decided on a state that was wrong, and is gone; its worker still has it.
  await worker.until(() => worker.end !== null);
  assert.equal(worker.count("revoke") + worker.count("accepted"), 0);
  await worker.connect();
  await worker.until(() => worker.assigned("end/0").length === 1);
  assert.deepEqual((await coordinator.control.run(run)).tags, ["odd"]);
  assert.equal((await house.kinds(run)).filter((kind) => kind === "taskStarted start/0").length, 1);
});

void test("a full disk stops a run for as long as it is full, and loses nothing", options, async (t) => {
  const house = await House.open(t);
  const graph = linear(["start", "end"]);
  let full = true;
  const inner = house.ledger;
  // oxlint-disable-next-line max-params -- the port has four
  const append: typeof inner.append = (run, after, events, index) =>
    full ? Promise.reject(new LedgerError("full", "the disk is full")) : inner.append(run, after, events, index);
  const coordinator = await house.start({ ledger: withAppend(inner, append) });
  const worker = await house.worker(coordinator, { slots: 1, execute: obedient(graph) });
  const run = await coordinator.control.submit(submission(graph));
  await worker.until(() => worker.count("assign") === 1);
  await house.pass(3000);
  assert.equal(worker.count("accepted"), 0);
  assert.equal(house.log.entries.filter(({ fields }) => fields["event"] === "ledger.append").length, 1);
  full = false;
  await house.pass(3000, () => worker.count("accepted") === 2);
  await finished(coordinator, run);
  assert.equal((await coordinator.control.run(run)).status, "succeeded");
});

void test(
  "who follows a run is told when its events can be kept no longer, and asking for the run takes it up again",
  options,
  async (t) => {
    const house = await House.open(t);
    const graph = linear(["start", "end"]);
    let broken = true;
    const inner = house.ledger;
    // oxlint-disable-next-line max-params -- the port has four
    const append: typeof inner.append = (run, after, events, index) =>
      broken ? Promise.reject(new LedgerError("readOnly", "the disk cannot be written")) : inner.append(run, after, events, index);
    const coordinator = await house.start({ ledger: withAppend(inner, append) });
    const worker = await house.worker(coordinator, { slots: 1, execute: obedient(graph) });
    const run = await coordinator.control.submit(submission(graph));
    const followed = finished(coordinator, run);
    await assert.rejects(followed, /the disk cannot be written/);
    broken = false;
    await coordinator.control.retry(run, { by: "ana" }, null);
    await worker.until(() => worker.count("accepted") === 2);
    await finished(coordinator, run);
    assert.equal((await coordinator.control.run(run)).status, "succeeded");
  },
);

function withAppend(inner: Ledger, append: Ledger["append"]): Ledger {
  return new Proxy(inner, {
    get: (target, name) => {
      if (name === "append") return append;
      const member: unknown = Reflect.get(target, name);
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
}

void test("a coordinator that closes keeps what it decided and lets go of its runs", options, async (t) => {
  const house = await House.open(t);
  const graph = linear(["start", "end"]);
  const first = await house.start();
  const worker = await house.worker(first, { slots: 1, execute: () => null });
  const run = await first.control.submit(submission(graph));
  await worker.until(() => worker.count("assign") === 1);
  await first.close();
  assert.ok((await house.kinds(run)).includes("taskStarted start/0"));
  assert.equal(await house.ledger.owner(run), null);
  await worker.until(() => worker.end !== null);
  const second = await house.start({ name: "c2", adoptUnfinished: true });
  await worker.connect(second.address);
  worker.finish("start/0", succeeded({ kind: "linear", to: step("end") }));
  await worker.until(() => worker.assigned("end/0").length === 1);
});

void test("what a machine held that leaves its run to the cluster goes to another at once, also after a restart", options, async (t) => {
  const house = await House.open(t);
  const first = await house.start();
  // The first run of its flow has the number 1.
  const worker = await house.worker(first, { id: "laptop", slots: 1, runs: ["Linear/1"], execute: () => null });
  const run = await first.control.submit(submission(linear(["start", "end"])));
  await worker.until(() => worker.assigned("start/0").length === 1);
  await first.close();
  const second = await house.start({ name: "c2", adoptUnfinished: true });
  await worker.connect(second.address);
  const other = await house.worker(second, { id: "server", slots: 1, execute: () => null });
  worker.send({ kind: "draining" });
  await settle();
  assert.equal(other.assigned("start/0").length, 0);
  worker.disconnect();
  await other.until(() => other.assigned("start/0").length === 1);
  const [lost] = (await second.control.task(run, parseTaskId("start/0"))).attempts;
  assert.deepEqual(lost?.failure, { kind: "returned", worker: "laptop", why: "drained" });
  assert.deepEqual(
    (await second.control.workers()).map(({ worker: id }) => id),
    ["server"],
  );
});
