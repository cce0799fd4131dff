import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { failed, foreach, linear, obedient, step, submission, succeeded } from "../test/coordinator/graphs.ts";
import { finished, House, settle } from "../test/coordinator/harness.ts";
import type { SimulatedWorker } from "../test/coordinator/simulated-worker.ts";
import type { Coordinator } from "./main.ts";
import type { RunId } from "../proto/ids.ts";
import type { RunOptions } from "../proto/event.ts";
import type { StepPolicy } from "../proto/graph.ts";

const options = { timeout: 20_000 };
const graph = linear(["start", "end"]);
const toEnd = succeeded({ kind: "linear", to: step("end") });

type Policies = Readonly<Record<string, Partial<StepPolicy>>>;
type Started = { readonly house: House; readonly coordinator: Coordinator; readonly worker: SimulatedWorker; readonly run: RunId };

/** A run whose first task is with a worker that reports only what it is told to. */
async function started(t: TestContext, policies: Policies = {}, limits: Partial<RunOptions> = {}): Promise<Started> {
  const house = await House.open(t);
  const coordinator = await house.start();
  const worker = await house.worker(coordinator, { slots: 1, execute: () => null });
  const run = await coordinator.control.submit(submission(linear(["start", "end"], policies), limits));
  await worker.until(() => worker.assigned("start/0").length === 1);
  worker.beat();
  await settle();
  return { house, coordinator, worker, run };
}

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

void test("a failed attempt is tried again after its back-off and not before", options, async (t) => {
  const retry = { times: 1, minutesBetween: 1, backoff: 1, maxMinutes: 60, on: null };
  const { house, coordinator, worker, run } = await started(t, { start: { retry } });
  worker.finish("start/0", failed("once"));
  await worker.until(() => worker.count("accepted") === 1);
  const task = await coordinator.control.task(run, lastHeld(worker).task as never);
  assert.equal(task.status, "backoff");
  await beating(house, worker, 58);
  assert.equal(worker.assigned("start/0").length, 1);
  await beating(house, worker, 2);
  await worker.until(() => worker.assigned("start/0").length === 2);
  assert.equal(lastHeld(worker).attempt, 1);
});

void test("what is caught is printed in the attempt's output, unless the step doesn't want it", options, async (t) => {
  for (const print of [true, false]) {
    const { coordinator, worker, run } = await started(t, { start: { catch: { var: null, print } } });
    worker.finish("start/0", failed("it broke"));
    await worker.until(() => worker.assigned("end/0").length === 1);
    worker.finish("end/0", succeeded({ kind: "end" }));
    await finished(coordinator, run);
    const lines = await Array.fromAsync(coordinator.control.logs({ run }));
    const expected = ["stepwell: @catchError caught a failure of start/0", "Error: it broke"];
    assert.deepEqual(
      lines.map((line) => line.text),
      print ? expected : [],
    );
  }
});

void test("every failed attempt says in its output why, whether it is tried again or not", options, async (t) => {
  const retry = { times: 1, minutesBetween: 0, backoff: 1, maxMinutes: 60, on: null };
  const { coordinator, worker, run } = await started(t, { start: { retry } });
  worker.finish("start/0", failed("once"));
  await worker.until(() => worker.assigned("start/0").length === 2);
  worker.finish("start/0", failed("twice"));
  await finished(coordinator, run);
  const lines = await Array.fromAsync(coordinator.control.logs({ run, attempt: "all" }));
  assert.deepEqual(
    lines.map(({ attempt, stream, text }) => [attempt, stream, text]),
    [
      [0, "system", "stepwell: attempt 0 failed: Error: once"],
      [1, "system", "stepwell: attempt 1 failed: Error: twice"],
    ],
  );
});

void test("a wall clock set back does not lengthen a back-off", options, async (t) => {
  const retry = { times: 1, minutesBetween: 1, backoff: 1, maxMinutes: 60, on: null };
  const { house, worker } = await started(t, { start: { retry } });
  worker.finish("start/0", failed("once"));
  await worker.until(() => worker.count("accepted") === 1);
  house.clock.jump(-3_600_000);
  await beating(house, worker, 60);
  await worker.until(() => worker.assigned("start/0").length === 2);
});

void test("a worker's silence is a warning only if it held something", options, async (t) => {
  const { house, coordinator } = await started(t);
  await house.worker(coordinator, { id: "idle", slots: 1, execute: () => null });
  for (let second = 0; second < 12; second += 1) {
    house.clock.advance(1000);
    await settle();
  }
  const lost = house.log.entries.filter(({ fields }) => fields["event"] === "worker.lost");
  assert.deepEqual(
    lost.map(({ level, fields }) => [level, fields["assignments"]]),
    [
      ["warn", 1],
      ["debug", 0],
    ],
  );
});

void test("what a silent worker held runs elsewhere, and what it reports later is refused", options, async (t) => {
  const { house, coordinator, worker, run } = await started(t);
  const old = lastHeld(worker);
  const other = await house.worker(coordinator, { id: "w2", slots: 1, execute: obedient(graph) });
  for (let second = 0; second < 12; second += 1) {
    house.clock.advance(1000);
    other.beat();
    await settle();
  }
  await finished(coordinator, run);
  assert.ok(worker.end !== null, "the silent worker's stream was ended");
  await worker.connect();
  worker.report(old, failed("late"));
  await worker.until(() => !worker.held.has(`${run}/start/0/0/${old.lease}`));
  const view = await coordinator.control.run(run);
  assert.equal(view.status, "succeeded");
  const events = await house.kinds(run);
  assert.deepEqual(
    events.filter((kind) => kind.endsWith("start/0")),
    ["taskStarted start/0", "taskFailed start/0", "taskStarted start/0", "taskSucceeded start/0"],
  );
});

void test("a worker that comes back within its lease keeps what it holds", options, async (t) => {
  const { house, coordinator, worker, run } = await started(t);
  worker.disconnect();
  await house.pass(8000);
  await worker.connect();
  house.clock.advance(4000);
  worker.beat();
  await settle();
  assert.equal(worker.count("revoke"), 0);
  worker.finish("start/0", toEnd);
  await worker.until(() => worker.assigned("end/0").length === 1);
  worker.finish("end/0", succeeded({ kind: "end" }));
  await finished(coordinator, run);
  assert.equal((await house.kinds(run)).filter((kind) => kind === "taskStarted start/0").length, 1);
});

void test("a worker that comes back without what it held has lost it at once", options, async (t) => {
  const { worker } = await started(t);
  const first = lastHeld(worker);
  worker.disconnect();
  worker.held.clear();
  await worker.connect();
  await worker.until(() => worker.assigned("start/0").length === 2);
  assert.ok(lastHeld(worker).lease > first.lease);
});

void test("an outcome counts once", options, async (t) => {
  const { house, coordinator, worker, run } = await started(t);
  const of = lastHeld(worker);
  worker.report(of, toEnd);
  worker.report(of, toEnd);
  await worker.until(() => worker.count("accepted") === 2);
  assert.deepEqual(
    worker.received.flatMap((item) => (item.kind === "accepted" ? [item.refused] : [])),
    [false, true],
  );
  assert.equal((await house.kinds(run)).filter((kind) => kind === "taskSucceeded start/0").length, 1);
  assert.equal((await coordinator.control.run(run)).counts.succeeded, 1);
});

void test("an outcome under another lease or attempt is refused", options, async (t) => {
  const { house, worker, run } = await started(t);
  const of = lastHeld(worker);
  worker.report({ ...of, lease: of.lease + 1 }, toEnd);
  worker.report({ ...of, attempt: 1 }, toEnd);
  worker.report({ ...of, task: "nothing" }, toEnd);
  worker.report({ ...of, run: "Other/1" }, toEnd);
  await worker.until(() => worker.count("accepted") === 4);
  assert.ok(worker.received.every((item) => item.kind !== "accepted" || item.refused));
  assert.ok(!(await house.kinds(run)).includes("taskSucceeded start/0"));
});

void test("an outcome that cannot be read fails its attempt and nothing else", options, async (t) => {
  const { coordinator, worker, run } = await started(t, {}, { lossesMax: 0 });
  worker.send({ kind: "outcome", of: lastHeld(worker), outcome: Buffer.from("{") });
  await finished(coordinator, run);
  const view = await coordinator.control.run(run);
  assert.equal(view.status, "failed");
  assert.equal(view.firstFailure?.failure.kind, "start");
});

void test("a cancelled run stops what runs and starts nothing more", options, async (t) => {
  const { coordinator, worker, run } = await started(t);
  await coordinator.control.cancel(run, { by: "ada" });
  await worker.until(() => worker.count("stop") === 1);
  worker.finish("start/0", {
    kind: "failed",
    failure: { kind: "cancelled", by: "ada" },
    artifacts: {},
    usage: { startedAtMs: 1, finishedAtMs: 2, cpuMs: 0, peakMiB: 0 },
  });
  await finished(coordinator, run);
  assert.equal((await coordinator.control.run(run)).status, "cancelled");
  assert.equal(worker.count("assign"), 1);
  await assert.rejects(coordinator.control.cancel(run, { by: "ada" }), { name: "ControlError", code: "conflict" });
});

void test("a worker that was away is told to stop when it comes back", options, async (t) => {
  const { coordinator, worker, run } = await started(t);
  worker.disconnect();
  await coordinator.control.cancel(run, { by: "ada" });
  await worker.connect();
  await worker.until(() => worker.count("stop") === 1);
});

void test("an attempt that its worker does not stop is ended without it", options, async (t) => {
  const { house, coordinator, worker, run } = await started(t);
  await coordinator.control.cancel(run, { by: "ada" });
  const seen = finished(coordinator, run);
  await beating(house, worker, 40);
  await seen;
  assert.equal((await coordinator.control.run(run)).status, "cancelled");
  await worker.until(() => worker.count("revoke") > 0);
});

void test("a time-out that the worker does not enforce is enforced here", options, async (t) => {
  const { house, coordinator, worker, run } = await started(t, { start: { timeoutSeconds: 60 } });
  const seen = finished(coordinator, run);
  await beating(house, worker, 100);
  await seen;
  const view = await coordinator.control.run(run);
  assert.deepEqual(view.firstFailure?.failure, { kind: "timeout", afterSeconds: 60 });
});

void test("a coordinator that stood still blames no worker for its own silence", options, async (t) => {
  const { house, worker } = await started(t);
  // All timers fire late, before a beat that came meanwhile can be read.
  const { monotonicMs } = house.clock;
  let stoodMs = 60_000;
  house.clock.monotonicMs = () => monotonicMs.call(house.clock) + stoodMs;
  house.clock.advance(1000);
  worker.beat();
  await settle();
  house.clock.advance(4000);
  await settle();
  assert.equal(worker.end, null);
  assert.equal(worker.count("revoke"), 0);
  stoodMs = 0;
});

void test("a draining worker gets nothing more", options, async (t) => {
  const { coordinator, worker, run } = await started(t);
  worker.send({ kind: "draining" });
  worker.finish("start/0", toEnd);
  await worker.until(() => worker.count("accepted") === 1);
  await settle();
  assert.equal(worker.count("assign"), 1);
  assert.equal((await coordinator.control.run(run)).counts.ready, 1);
});

void test("a worker for one run gets no task of another", options, async (t) => {
  const house = await House.open(t);
  const coordinator = await house.start();
  const first = await coordinator.control.submit(submission(graph));
  const second = await coordinator.control.submit(submission(graph));
  const worker = await house.worker(coordinator, { slots: 4, execute: obedient(graph), runs: [second] });
  await house.pass(2000, () => false);
  await finished(coordinator, second);
  assert.equal((await coordinator.control.run(first)).counts.ready, 1);
  assert.ok(worker.received.every((item) => item.kind !== "assign" || item.of.run === second));
});

void test("no more tasks of a run are with workers than the run allows", options, async (t) => {
  const house = await House.open(t);
  const coordinator = await house.start();
  const fan = foreach();
  let most = 0;
  const worker = await house.worker(coordinator, {
    slots: 16,
    execute: (order) => {
      const working = [...worker.held.values()].filter(({ order: held }) => held.step === "work").length;
      most = Math.max(most, working);
      if (order.step !== "work") return obedient(fan, 40)(order);
      setImmediate(() => worker.finish(order.task, obedient(fan)(order)));
      return null;
    },
  });
  const run = await coordinator.control.submit(submission(fan, { workersMax: 3 }));
  await finished(coordinator, run);
  assert.ok(most <= 3 + 3, `${most} at once`); // Three run; the acceptance of three more may be on its way.
  const { counts } = await coordinator.control.run(run);
  assert.equal(counts.succeeded, 43);
});

void test("a worker of another protocol is refused with what to do", options, async (t) => {
  const house = await House.open(t);
  const coordinator = await house.start();
  const worker = await house.worker(coordinator, { slots: 1, execute: () => null, protocol: 99 });
  assert.equal(worker.end?.refused, true);
  assert.match(worker.end?.reason ?? "", /protocol 99 .*this coordinator 1 .*bring the coordinator up to date/);
});

void test("of a worker that speaks several protocols the coordinator picks one", options, async (t) => {
  const house = await House.open(t);
  const coordinator = await house.start();
  const worker = await house.worker(coordinator, { slots: 1, execute: () => null, protocol: 99, oldestProtocol: 1 });
  const [welcome] = worker.received;
  assert.ok(welcome?.kind === "welcome" && welcome.protocol === 1);
});

void test("a queue that loses and repeats costs time only", options, async (t) => {
  const house = await House.open(t);
  let seed = 7;
  const random = (): number => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed / 2_147_483_647;
  };
  const coordinator = await house.start({ faults: { random, lose: 0.4, duplicate: 0.4, reorder: 0.4 } });
  const fan = foreach();
  const worker = await house.worker(coordinator, { slots: 8, execute: obedient(fan, 100) });
  const run = await coordinator.control.submit(submission(fan));
  let over = false;
  const watch = async (): Promise<void> => {
    await finished(coordinator, run);
    over = true;
  };
  const seen = watch();
  const isOver = (): boolean => over;
  for (let beats = 0; beats < 500 && !isOver(); beats += 1) {
    house.clock.advance(1000);
    worker.beat();
    await settle();
  }
  await seen;
  const starts = (await house.kinds(run)).filter((kind) => kind.startsWith("taskStarted"));
  assert.equal(new Set(starts).size, starts.length);
  assert.equal(starts.length, 103);
});

void test("an order of many megabytes arrives whole", options, async (t) => {
  const house = await House.open(t);
  const coordinator = await house.start();
  const big = "x".repeat(12 * 1024 * 1024);
  const worker = await house.worker(coordinator, { slots: 1, execute: obedient(graph) });
  const request = submission(graph);
  const run = await coordinator.control.submit({ ...request, user: big });
  await finished(coordinator, run);
  assert.equal((await coordinator.control.run(run)).status, "succeeded");
  assert.ok(worker.received.some((item) => item.kind === "assign" && item.order.length > big.length));
});
