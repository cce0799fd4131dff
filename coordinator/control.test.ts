import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import type { Control } from "../proto/control.ts";
import { parseRunId, parseTaskId, type RunId } from "../proto/ids.ts";
import type { LogLine } from "../proto/view.ts";
import { connectControl, type ControlClient } from "../sdk/wire/control-client.ts";
import { failed, foreach, linear, obedient, step, submission, succeeded } from "../test/coordinator/graphs.ts";
import { finished, House, settle } from "../test/coordinator/harness.ts";
import type { SimulatedWorker } from "../test/coordinator/simulated-worker.ts";
import type { Coordinator } from "./main.ts";

const options = { timeout: 20_000 };
const graph = linear(["start", "end"]);
const absent = parseRunId("Linear/99");

type Case = { readonly house: House; readonly coordinator: Coordinator; readonly worker: SimulatedWorker; readonly run: RunId };

/** A run whose first task is with a worker that reports what it is told to. */
async function running(t: TestContext): Promise<Case> {
  const house = await House.open(t);
  const coordinator = await house.start();
  const worker = await house.worker(coordinator, { slots: 1, execute: () => null });
  const run = await coordinator.control.submit(submission(graph));
  await worker.until(() => worker.count("assign") === 1);
  return { house, coordinator, worker, run };
}

void test("a run that is taken up again before its claim was given back stays claimed", options, async (t) => {
  const { house, coordinator, worker, run } = await running(t);
  const written = Promise.withResolvers<void>();
  house.logs.flush = () => written.promise;
  worker.finish("start/0", failed("no"));
  await finished(coordinator, run);
  await coordinator.control.retry(run, { by: "ana" }, null);
  written.resolve();
  await worker.until(() => worker.assigned("start/0").length === 2);
  await settle();
  assert.equal((await house.ledger.owner(run))?.id, "c1");
  await toTheEnd(worker);
  await finished(coordinator, run);
  await settle();
  assert.equal(await house.ledger.owner(run), null);
});

async function toTheEnd(worker: SimulatedWorker): Promise<void> {
  worker.finish("start/0", succeeded({ kind: "linear", to: step("end") }));
  await worker.until(() => worker.assigned("end/0").length === 1);
  worker.finish("end/0", succeeded({ kind: "end" }));
}

function remote(t: TestContext, coordinator: Coordinator): ControlClient {
  const client = connectControl({ address: coordinator.address });
  t.after(() => client.close());
  return client;
}

void test("a remote client gets what a local one gets", options, async (t) => {
  const { coordinator, worker, run } = await running(t);
  await toTheEnd(worker);
  await finished(coordinator, run);
  const client = remote(t, coordinator);
  const task = parseTaskId("start/0");
  const questions: ((control: Control) => Promise<unknown>)[] = [
    (control) => control.runs({ limit: 10, status: ["succeeded"] }),
    (control) => control.run(run),
    (control) => control.flows(null),
    (control) => control.flows("user:nobody"),
    (control) => control.latest({ limit: 1, status: ["succeeded"] }),
    (control) => control.latest({ limit: 1, status: ["failed"] }),
    (control) => control.tasks(run, { limit: 1 }),
    (control) => control.task(run, task),
    (control) => Array.fromAsync(control.events(run, 2)),
    (control) => Array.fromAsync(control.logs({ run })),
  ];
  for (const ask of questions) assert.deepEqual(await ask(client), JSON.parse(JSON.stringify(await ask(coordinator.control))));
});

void test("a run can be submitted, tagged, cancelled and retried from afar", options, async (t) => {
  const { coordinator, worker } = await running(t);
  const client = remote(t, coordinator);
  const run = await client.submit(submission(graph));
  assert.deepEqual(await client.tag(run, { by: "ada" }, { add: ["good"], remove: [] }), ["good"]);
  assert.equal(await client.cancel(run, { by: "ada" }), undefined);
  await finished(coordinator, run);
  assert.equal((await client.run(run)).status, "cancelled");
  await toTheEnd(worker);
  await client.retry(run, { by: "ada" }, null);
  await worker.until(() => worker.received.some((item) => item.kind === "assign" && item.of.run === run));
  assert.equal((await client.run(run)).status, "running");
});

void test("what is wrong with a request comes back as it was said", options, async (t) => {
  const { coordinator, run } = await running(t);
  const client = remote(t, coordinator);
  for (const control of [coordinator.control, client]) {
    await assert.rejects(control.run(absent), { name: "ControlError", code: "notFound", message: /there is no run Linear\/99/ });
    await assert.rejects(control.cancel(absent, { by: "ada" }), { code: "notFound" });
    await assert.rejects(control.task(run, parseTaskId("end/0")), { code: "notFound", message: /no task end\/0 in Linear\/1/ });
    await assert.rejects(Array.fromAsync(control.events(absent, 0)), { code: "notFound" });
    await assert.rejects(control.tag(run, { by: "ada" }, { add: ["x".repeat(501)], remove: [] }), { code: "invalid" });
  }
  await assert.rejects(client.runs({ limit: -1 }), { code: "invalid", message: /runs\.limit: expected/ });
  await assert.rejects(client.run("nonsense" as RunId), { code: "invalid", message: /"nonsense" is not a run/ });
});

void test("who cannot reach a coordinator is told where it was looked for", options, async (t) => {
  const house = await House.open(t);
  const client = connectControl({ address: `unix:${house.socket()}` });
  t.after(() => client.close());
  await assert.rejects(client.run(absent), { code: "unreachable", message: /the coordinator at unix:.* does not answer/ });
});

void test("events come as they happen, each once and in order, and end with the run", options, async (t) => {
  const { coordinator, worker, run } = await running(t);
  const client = remote(t, coordinator);
  const all = [coordinator.control, client].map((control) => Array.fromAsync(control.events(run, 1)));
  await settle();
  await toTheEnd(worker);
  for (const events of await Promise.all(all))
    assert.deepEqual(
      events.map(({ seq }) => seq),
      [2, 3, 4, 5, 6],
    );
});

void test("a hundred who follow a run see each of its events once and in order", options, async (t) => {
  const { coordinator, worker, run } = await running(t);
  const client = remote(t, coordinator);
  const followed = Array.from({ length: 100 }, () => client.events(run, 0)[Symbol.asyncIterator]());
  const first = await Promise.all(followed.map((events) => events.next()));
  await toTheEnd(worker);
  const wanted = await finished(coordinator, run);
  for (const [index, events] of followed.entries()) {
    const seen = [first[index]?.value];
    for (let next = await events.next(); next.done !== true; next = await events.next()) seen.push(next.value);
    assert.deepEqual(seen, wanted);
  }
});

void test("events that a slow reader has not taken are read again, and none is missing", options, async (t) => {
  const house = await House.open(t);
  const coordinator = await house.start();
  const fan = foreach();
  await house.worker(coordinator, { slots: 64, execute: obedient(fan, 15_000) });
  const run = await coordinator.control.submit(submission(fan));
  const events = coordinator.control.events(run, 0)[Symbol.asyncIterator]();
  await events.next();
  await finished(coordinator, run);
  let seq = 1;
  for (let next = await events.next(); next.done !== true; next = await events.next()) {
    seq += 1;
    assert.equal(next.value.seq, seq);
  }
  assert.equal(seq, (await coordinator.control.run(run)).seq);
});

async function print(worker: SimulatedWorker, texts: readonly string[]): Promise<void> {
  const of = worker.assigned("start/0").at(-1);
  assert.ok(of !== undefined);
  worker.print(of, texts);
  await settle();
}

void test("followed logs hold every line once, also equal ones that come while the past is read", options, async (t) => {
  const { house, coordinator, worker, run } = await running(t);
  await print(worker, ["same", "same"]);
  const client = remote(t, coordinator);
  const lines: LogLine[] = [];
  const local = (async () => {
    for await (const line of coordinator.control.logs({ run, follow: true })) {
      lines.push(line);
      if (lines.length === 1) await print(worker, ["same", "same"]); // In the middle of the reading.
    }
  })();
  await settle();
  const distant = Array.fromAsync(client.logs({ run, follow: true }));
  await settle();
  await print(worker, ["last"]);
  await toTheEnd(worker);
  await finished(coordinator, run);
  await house.pass(1000); // The end of a run wakes nobody who waits for lines.
  await local;
  const expected = ["same", "same", "same", "same", "last"];
  assert.deepEqual(
    lines.map(({ text }) => text),
    expected,
  );
  assert.deepEqual(
    (await distant).map(({ text }) => text),
    expected,
  );
});

void test("a task's followed logs end with the task", options, async (t) => {
  const { house, coordinator, worker, run } = await running(t);
  await print(worker, ["one"]);
  const lines = Array.fromAsync(coordinator.control.logs({ run, task: parseTaskId("start/0"), follow: true }));
  await settle();
  worker.finish("start/0", succeeded({ kind: "linear", to: step("end") }));
  await worker.until(() => worker.assigned("end/0").length === 1);
  await house.pass(1000);
  assert.deepEqual(
    (await lines).map(({ text }) => text),
    ["one"],
  );
});

void test("lines of an attempt that is no longer current are dropped", options, async (t) => {
  const { coordinator, worker, run } = await running(t);
  const of = worker.assigned("start/0")[0];
  assert.ok(of !== undefined);
  worker.send({ kind: "logs", of: { ...of, lease: of.lease + 1 }, from: 0, lines: [{ stream: "stdout", atMs: 1, text: "late" }] });
  await settle();
  assert.deepEqual(await Array.fromAsync(coordinator.control.logs({ run })), []);
});

void test("a request about a run that another process drives is answered by that process", options, async (t) => {
  const { house, coordinator, worker, run } = await running(t);
  const other = await house.start({ name: "c2", listen: null });
  assert.deepEqual(await other.control.tag(run, { by: "ada" }, { add: ["seen"], remove: [] }), ["seen"]);
  await other.control.cancel(run, { by: "ada" });
  await worker.until(() => worker.count("stop") === 1);
  assert.equal((await coordinator.control.run(run)).owner, `${process.pid}@here`);
  worker.finish("start/0", failed("stopped"));
  await finished(coordinator, run);
  await assert.rejects(other.control.cancel(run, { by: "ada" }), { code: "conflict" });
});

void test("what another process drives is read, and followed, from the ledger", options, async (t) => {
  const { house, worker, run } = await running(t);
  const other = await house.start({ name: "c2", listen: null });
  await print(worker, ["hello"]);
  const events = Array.fromAsync(other.control.events(run, 0));
  const lines = Array.fromAsync(other.control.logs({ run, follow: true }));
  assert.equal((await other.control.run(run)).status, "running");
  await toTheEnd(worker);
  let done = false;
  const seen = events.then(() => (done = true));
  await house.pass(20_000, () => done);
  await seen;
  assert.equal((await events).at(-1)?.event.kind, "taskSucceeded");
  await house.pass(2000);
  assert.deepEqual(
    (await lines).map(({ text }) => text),
    ["hello"],
  );
  assert.equal((await other.control.run(run)).status, "succeeded");
});

void test("who follows a run from elsewhere is told when its process has died, unless it is taken up again", options, async (t) => {
  const { house, worker, run } = await running(t);
  const other = await house.start({ name: "c2", listen: null });
  await print(worker, ["hello"]);
  const gone = { code: "unavailable", message: /is gone.*stepwell resume --in-place/ };
  const told = Promise.all([
    assert.rejects(Array.fromAsync(other.control.events(run, 0)), gone),
    assert.rejects(Array.fromAsync(other.control.logs({ run, follow: true })), gone),
  ]);
  let ended = false;
  const seen = told.finally(() => (ended = true));
  await house.pass(20_000);
  assert.equal(ended, false, "it is still driven");
  house.dead.add("c1");
  await house.pass(1000);
  house.dead.delete("c1");
  await house.pass(5000);
  assert.equal(ended, false, "it was taken up again in time");
  house.dead.add("c1");
  await house.pass(5000, () => ended);
  assert.equal(ended, true);
  await seen;
});

void test("tags of a finished run change, and the change is durable when it is answered", options, async (t) => {
  const { house, coordinator, worker, run } = await running(t);
  await toTheEnd(worker);
  await finished(coordinator, run);
  const other = await house.start();
  const append = house.ledger.append.bind(house.ledger);
  house.ledger.append = async (...words) => {
    for (let turns = 0; turns < 3; turns += 1) await new Promise((resolve) => setImmediate(resolve)); // A sync takes its time.
    return append(...words);
  };
  for (const control of [coordinator.control, other.control]) {
    assert.deepEqual(await control.tag(run, { by: "ada" }, { add: ["good", "best"], remove: [] }), ["good", "best"]);
    assert.deepEqual(await control.tag(run, { by: "ada" }, { add: [], remove: ["good", "best"] }), []);
  }
  assert.deepEqual((await other.control.run(run)).tags, []);
});

void test("a failed run is retried in place with the outcomes that it has", options, async (t) => {
  const house = await House.open(t);
  const coordinator = await house.start();
  let broken = true;
  await house.worker(coordinator, {
    slots: 1,
    execute: (order) => (broken && order.step === "end" ? failed("broken") : obedient(graph)(order)),
  });
  const run = await coordinator.control.submit(submission(graph));
  await finished(coordinator, run);
  assert.equal((await coordinator.control.run(run)).status, "failed");
  broken = false;
  await coordinator.control.retry(run, { by: "ada" }, null);
  await finished(coordinator, run);
  assert.equal((await coordinator.control.run(run)).status, "succeeded");
  assert.equal((await house.kinds(run)).filter((kind) => kind === "taskStarted start/0").length, 1);
});

void test("a resumed run takes over what succeeded and runs the rest", options, async (t) => {
  const house = await House.open(t);
  const coordinator = await house.start();
  const fan = foreach();
  let broken = true;
  const worker = await house.worker(coordinator, {
    slots: 4,
    execute: (order) => (broken && order.task === "work/1" ? failed("broken") : obedient(fan, 3)(order)),
  });
  const origin = await coordinator.control.submit(submission(fan));
  await finished(coordinator, origin);
  broken = false;
  const resume = { origin, from: null, changedSteps: [], changedParameters: [], stepsReadingParameters: {}, rerunCaught: false };
  const request = { ...submission(fan), resume };
  const plan = await coordinator.control.plan(request);
  assert.deepEqual(
    plan.steps.map(({ step, reuse }) => [step, reuse]),
    [
      ["start", 1],
      ["work", 2],
      ["join", 0],
      ["end", 0],
    ],
  );
  const run = await coordinator.control.submit(request);
  await finished(coordinator, run);
  const view = await coordinator.control.run(run);
  assert.equal(view.status, "succeeded");
  assert.equal(view.originRun, origin);
  assert.equal(view.counts.reused, 3);
  const ran = worker.received.flatMap((item) => (item.kind === "assign" && item.of.run === run ? [item.of.task] : []));
  assert.deepEqual(ran, ["work/1", "join/0", "end/0"]);
});
