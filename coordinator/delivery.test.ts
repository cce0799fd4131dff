import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { failed, linear, step, submission, succeeded } from "../test/coordinator/graphs.ts";
import { finished, House, settle } from "../test/coordinator/harness.ts";
import type { SimulatedWorker } from "../test/coordinator/simulated-worker.ts";
import type { Coordinator } from "./main.ts";
import type { RunId } from "../proto/ids.ts";
import type { RunOptions } from "../proto/event.ts";

const options = { timeout: 20_000 };
const graph = linear(["start", "end"]);
const toEnd = succeeded({ kind: "linear", to: step("end") });

type Started = { readonly house: House; readonly coordinator: Coordinator; readonly worker: SimulatedWorker; readonly run: RunId };

/** Lets time pass while the worker says every two seconds what it holds. */
async function beating(house: House, worker: SimulatedWorker, seconds: number): Promise<void> {
  for (let passed = 0; passed < seconds; passed += 2) {
    house.clock.advance(2000);
    worker.beat();
    await settle();
  }
}

function lastHeld(worker: SimulatedWorker) {
  const of = worker.assigned("start/0").at(-1);
  assert.ok(of !== undefined);
  return of;
}

/** A task that was assigned and never named by its worker, in a run that forgives no loss. */
async function unnamed(t: TestContext, limits: Partial<RunOptions> = { lossesMax: 0 }): Promise<Started> {
  const house = await House.open(t);
  const coordinator = await house.start();
  const worker = await house.worker(coordinator, { slots: 1, execute: () => null });
  const run = await coordinator.control.submit(submission(graph, limits));
  await worker.until(() => worker.assigned("start/0").length === 1);
  return { house, coordinator, worker, run };
}

/** The same, named by a worker that reports only what it is told to. */
async function started(t: TestContext, limits: Partial<RunOptions> = {}): Promise<Started> {
  const all = await unnamed(t, limits);
  all.worker.beat();
  await settle();
  return all;
}

async function failuresOf(house: House, run: RunId): Promise<readonly unknown[]> {
  return (await house.events(run)).flatMap(({ event }) => (event.kind === "taskFailed" ? [event.failure] : []));
}

void test("an assignment that its worker never names runs again within three beats, at nobody's expense", options, async (t) => {
  const { house, worker, run } = await unnamed(t);
  const first = lastHeld(worker);
  worker.held.clear(); // As if the message had been written to a dead socket.
  worker.send({ kind: "credit", slots: 1 });
  await beating(house, worker, 6);
  await worker.until(() => worker.assigned("start/0").length === 2);
  assert.ok(worker.received.some((item) => item.kind === "revoke" && item.of.lease === first.lease));
  assert.deepEqual(await failuresOf(house, run), [{ kind: "returned", worker: "w1", why: "undelivered" }]);
});

void test("what was written to a dead connection runs elsewhere within ten seconds, at nobody's expense", options, async (t) => {
  const { house, coordinator, worker, run } = await unnamed(t);
  const old = lastHeld(worker);
  const startedMs = house.clock.monotonicMs();
  const other = await house.worker(coordinator, { id: "w2", slots: 1, execute: () => null });
  while (other.assigned("start/0").length === 0 && house.clock.monotonicMs() < startedMs + 10_000) {
    house.clock.advance(500);
    other.beat();
    await settle();
  }
  assert.equal(other.assigned("start/0").length, 1, "within ten seconds");
  assert.deepEqual(await failuresOf(house, run), [{ kind: "returned", worker: "w1", why: "undelivered" }]);
  worker.report(old, toEnd);
  await worker.until(() => worker.count("accepted") === 1 || worker.end !== null);
  assert.ok(!(await house.kinds(run)).includes("taskSucceeded start/0"), "what the first worker says is too late");
});

void test("what a worker has named and then loses is a loss", options, async (t) => {
  const { house, coordinator, worker, run } = await started(t, { lossesMax: 0 });
  worker.held.clear();
  await beating(house, worker, 6);
  await finished(coordinator, run);
  assert.deepEqual(await failuresOf(house, run), [{ kind: "lost", worker: "w1" }]);
});

void test("a coordinator that stood still takes nothing back that its worker had no time to name", options, async (t) => {
  const { house, worker } = await unnamed(t);
  const { monotonicMs } = house.clock;
  house.clock.monotonicMs = () => monotonicMs.call(house.clock) + 60_000;
  house.clock.advance(1000);
  worker.beat();
  await settle();
  house.clock.advance(4000);
  await settle();
  assert.equal(worker.count("revoke"), 0);
});

void test("a worker that is sent away gives back what it has not finished in time, at nobody's expense", options, async (t) => {
  const { house, coordinator, worker, run } = await started(t, { lossesMax: 0 });
  await coordinator.control.drainWorker("w1", "ada", 5000);
  await worker.until(() => worker.count("drain") === 1);
  await beating(house, worker, 6);
  await worker.until(() => worker.count("revoke") > 0);
  await worker.connect();
  await worker.until(() => worker.assigned("start/0").length === 2);
  assert.deepEqual(await failuresOf(house, run), [{ kind: "returned", worker: "w1", why: "drained" }]);
});

void test("an outcome that comes too late is refused, and the log says so", options, async (t) => {
  const { house, worker } = await started(t);
  const of = lastHeld(worker);
  worker.report({ ...of, lease: of.lease + 1 }, toEnd);
  await worker.until(() => worker.count("accepted") === 1);
  const refused = house.log.entries.filter(({ fields }) => fields["event"] === "outcome.refused");
  assert.deepEqual(
    refused.map(({ fields }) => [fields["task_id"], fields["lease"], fields["worker_id"]]),
    [["start/0", of.lease + 1, "w1"]],
  );
});

void test("lines that are sent again after a broken stream are kept once", options, async (t) => {
  const { coordinator, worker, run } = await started(t);
  const of = lastHeld(worker);
  const send = (from: number, texts: readonly string[]): void =>
    worker.send({ kind: "logs", of, from, lines: texts.map((text) => ({ stream: "stdout", atMs: 1, text })) });
  send(0, ["a", "b"]);
  await settle();
  worker.disconnect();
  await worker.connect();
  send(0, ["a", "b"]);
  send(1, ["b", "c"]);
  send(3, ["d"]);
  await settle();
  const lines = await Array.fromAsync(coordinator.control.logs({ run }));
  assert.deepEqual(
    lines.map(({ text }) => text),
    ["a", "b", "c", "d"],
  );
});

void test("a coordinator that takes over knows which lines the one before had kept", options, async (t) => {
  const { house, coordinator, worker, run } = await started(t);
  const of = lastHeld(worker);
  worker.print(of, ["a", "b"]);
  await settle();
  await coordinator.close();
  house.dead.add("c1");
  const next = await house.start({ name: "c2", adoptUnfinished: true });
  await worker.connect(next.address);
  worker.send({ kind: "logs", of, from: 1, lines: ["b", "c"].map((text) => ({ stream: "stdout", atMs: 1, text })) });
  worker.send({ kind: "logs", of, from: 3, lines: [{ stream: "stdout", atMs: 1, text: "d" }] });
  worker.finish("start/0", failed("at last"));
  await finished(next, run);
  const lines = await Array.fromAsync(next.control.logs({ run }));
  assert.deepEqual(
    lines.map(({ text }) => text),
    ["a", "b", "c", "d", "stepwell: attempt 0 failed: Error: at last"],
  );
});

void test("a worker is told which lines it need not keep, a beat after they were taken in", options, async (t) => {
  const { house, worker } = await started(t);
  worker.print(lastHeld(worker), ["a", "b"]);
  await beating(house, worker, 4);
  const told = worker.received.flatMap((item) => (item.kind === "linesKept" ? [item.lines] : []));
  assert.deepEqual(told, [2]);
});

void test("workers of a coordinator that died have the whole grace, however long its runs take to be read", options, async (t) => {
  const { house, coordinator, worker, run } = await started(t, { lossesMax: 0 });
  await coordinator.control.submit(submission(graph));
  worker.disconnect();
  await coordinator.close();
  house.dead.add("c1");
  const { ledger, clock } = house;
  const read = ledger.read.bind(ledger);
  ledger.read = async function* (of, afterSeq) {
    yield* read(of, afterSeq);
    for (let passed = 0; passed < 30_000; passed += 500) clock.advance(500);
  };
  const next = await house.start({ name: "c2", adoptUnfinished: true });
  await house.pass(8000);
  await worker.connect(next.address);
  worker.finish("start/0", toEnd);
  await worker.until(() => worker.count("accepted") === 1);
  assert.deepEqual(await failuresOf(house, run), []);
  assert.equal((await next.control.run(run)).counts.succeeded, 1);
});
