// The values of secret parameters between a client, the ledger and workers.

import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import type { Artifacts } from "../proto/artifact.ts";
import type { ResumeRequest, SubmitRequest } from "../proto/control.ts";
import type { RecordedEvent } from "../proto/event.ts";
import type { RunId } from "../proto/ids.ts";
import type { TaskOrder, TaskOutcome } from "../proto/order.ts";
import { inlineArtifact } from "../sdk/artifact/inline.ts";
import { connectControl } from "../sdk/wire/control-client.ts";
import { AgingStore } from "../test/blobs/aging-store.ts";
import { failed, linear, obedient, step, submission } from "../test/coordinator/graphs.ts";
import { finished, House } from "../test/coordinator/harness.ts";
import { MemoryLedger } from "./adapters/memory-ledger.ts";
import type { Coordinator } from "./main.ts";
import { LedgerError } from "./ports/ledger.ts";

const options = { timeout: 20_000 };
const graph = linear(["start", "middle", "end"]);

function tokenIs(text: string): Artifacts {
  return { token: inlineArtifact("token", text) };
}

function request(over: Partial<SubmitRequest> = {}): SubmitRequest {
  return { ...submission(graph), secrets: ["token"], secretValues: tokenIs("open-sesame"), ...over };
}

type Resuming = SubmitRequest & { readonly resume: ResumeRequest };

/** A step in the middle reads the secret. */
function resumed(origin: RunId, secretValues: Artifacts): Resuming {
  const changes = { changedSteps: [], changedParameters: [], stepsReadingParameters: { token: [step("middle")] } };
  return { ...request(), secretValues, resume: { origin, from: null, rerunCaught: false, ...changes } };
}

type Case = { readonly house: House; readonly coordinator: Coordinator; readonly orders: TaskOrder[] };

/** A worker that keeps the orders it gets. */
async function open(t: TestContext, outcome: (order: TaskOrder) => TaskOutcome = obedient(graph)): Promise<Case> {
  const house = await House.open(t);
  const coordinator = await house.start();
  return { house, coordinator, orders: await ordersOf(house, coordinator, outcome) };
}

async function ordersOf(house: House, coordinator: Coordinator, outcome: (order: TaskOrder) => TaskOutcome): Promise<TaskOrder[]> {
  const orders: TaskOrder[] = [];
  const execute = (order: TaskOrder): TaskOutcome => {
    orders.push(order);
    return outcome(order);
  };
  await house.worker(coordinator, { slots: 1, execute });
  return orders;
}

const tokens = (orders: readonly TaskOrder[]): readonly unknown[] => orders.map(({ parameters }) => parameters["token"]);

void test("every order has the values, and nothing that is kept or told has them", options, async (t) => {
  const { house, coordinator, orders } = await open(t);
  const client = connectControl({ address: coordinator.address });
  t.after(() => client.close());
  const run = await client.submit(request());
  await finished(coordinator, run);
  const { token } = tokenIs("open-sesame");
  assert.deepEqual(tokens(orders), [token, token, token]);
  const [{ event } = { event: null }] = await house.events(run);
  assert.ok(event?.kind === "runSubmitted");
  assert.deepEqual([event.parameters, event.secrets], [{}, ["token"]]);
  assert.ok(token?.kind === "stored" && token.place.kind === "inline");
  const told = JSON.stringify([await house.events(run), await client.run(run), await client.tasks(run, { limit: 9 }), house.log.entries]);
  for (const part of ["open-sesame", token.place.base64, token.sha256, Buffer.from("open-sesame").toString("base64")])
    assert.ok(!told.includes(part), part);
});

void test("a coordinator that starts again goes on with the values", options, async (t) => {
  const house = await House.open(t);
  const first = await house.start();
  const before = await house.worker(first, { slots: 1, execute: () => null });
  const run = await first.control.submit(request());
  await before.until(() => before.count("assign") === 1);
  before.disconnect();
  await first.close();
  const second = await house.start({ name: "c2", adoptUnfinished: true, adoptGraceMs: 0 });
  const orders = await ordersOf(house, second, obedient(graph));
  await house.pass(30_000, () => orders.length === 3);
  await finished(second, run);
  assert.deepEqual(
    tokens(orders),
    Array.from({ length: 3 }, () => tokenIs("open-sesame")["token"]),
  );
});

void test("a resumed run takes the secrets over; where one is given anew, what reads it runs again", options, async (t) => {
  const { coordinator, orders } = await open(t);
  const { control } = coordinator;
  const origin = await control.submit(request());
  await finished(coordinator, origin);
  orders.length = 0;
  const same = await control.plan(resumed(origin, {}));
  assert.deepEqual([same.changedParameters, same.steps.map(({ run }) => run)], [[], [0, 0, 0]]);
  assert.deepEqual((await control.plan(resumed(origin, tokenIs("open-sesame")))).changedParameters, []);
  const changed = await control.plan(resumed(origin, tokenIs("other")));
  assert.deepEqual([changed.changedParameters, changed.steps.map(({ run }) => run)], [["token"], [0, 1, 1]]);
  assert.equal(changed.steps[1]?.why, "it reads token, which has changed");
  await finished(coordinator, await control.submit(resumed(origin, tokenIs("other"))));
  assert.deepEqual(tokens(orders), [tokenIs("other")["token"], tokenIs("other")["token"]]);
});

void test("secrets go from run to run, and a run that is retried still has its own", options, async (t) => {
  let broken = true;
  const { coordinator, orders } = await open(t, (order) => (broken && order.step === "end" ? failed("no") : obedient(graph)(order)));
  const { control } = coordinator;
  const origin = await control.submit(request());
  await finished(coordinator, origin);
  const second = await control.submit(resumed(origin, {}));
  await finished(coordinator, second);
  broken = false;
  orders.length = 0;
  await finished(coordinator, await control.submit(resumed(second, {})));
  await control.retry(origin, { by: "ada" }, null);
  await finished(coordinator, origin);
  assert.deepEqual(tokens(orders), [tokenIs("open-sesame")["token"], tokenIs("open-sesame")["token"]]);
});

void test("without its secrets a run is neither resumed nor retried, and who asks is told what to give", options, async (t) => {
  const { house, coordinator } = await open(t, () => failed("no"));
  const { control } = coordinator;
  const origin = await control.submit(request());
  await finished(coordinator, origin);
  house.secrets.forget(origin);
  const message = /secret parameter token of Linear\/1: its value is kept no longer\. Give it again, in STEPWELL_PARAM_TOKEN/;
  await assert.rejects(control.retry(origin, { by: "ada" }, null), { code: "conflict", message });
  await assert.rejects(control.submit(resumed(origin, {})), { code: "invalid", message });
  await assert.rejects(control.plan(resumed(origin, {})), { code: "invalid", message });
  await finished(coordinator, await control.submit(resumed(origin, tokenIs("again"))));
});

void test("a secret that has no value, or comes as an artifact, is refused before a run exists", options, async (t) => {
  const { house, coordinator } = await open(t);
  const { control } = coordinator;
  await assert.rejects(control.submit(request({ secretValues: {} })), {
    code: "invalid",
    message: /no value for the secret parameter token/,
  });
  await assert.rejects(control.submit(request({ secretValues: {}, parameters: tokenIs("x") })), {
    code: "invalid",
    message: /as an artifact/,
  });
  const without = await house.start({ name: "c2", secrets: null });
  await assert.rejects(without.control.submit(request()), { code: "invalid", message: /keeps no secret parameters/ });
  assert.equal((await control.runs({ limit: 1 })).total, 0);
});

void test("secrets are kept before the run is; of a submission that came to nothing none is left to the next run", options, async (t) => {
  const house = await House.open(t);
  const before: Artifacts[] = [];
  let full = true;
  house.ledger = new (class extends MemoryLedger {
    override create(...[beginning, first]: Parameters<MemoryLedger["create"]>): ReturnType<MemoryLedger["create"]> {
      return super.create(beginning, (run) => {
        const made = first(run);
        before.push(house.secrets.get(run));
        if (full) throw new LedgerError("full", "no space");
        return made;
      });
    }
  })();
  const { control } = await house.start();
  await assert.rejects(control.submit(request()), { problem: "full" });
  full = false;
  const run = await control.submit(submission(graph));
  assert.deepEqual([before, house.secrets.get(run)], [[tokenIs("open-sesame"), {}], {}]);
});

/** Tells of a run as it was recorded when secrets were among the parameters. */
class FormerHistory extends MemoryLedger {
  override async *read(run: RunId, afterSeq: number): AsyncIterable<RecordedEvent> {
    for await (const { seq, event } of super.read(run, afterSeq)) {
      const former = { parameters: tokenIs("from-before"), secrets: ["token"] };
      yield { seq, event: event.kind === "runSubmitted" ? { ...event, ...former } : event };
    }
  }
}

void test("a run that was recorded with its secret among the parameters goes on, and can be resumed", options, async (t) => {
  const house = await House.open(t);
  house.ledger = new FormerHistory({ isAlive: (owner) => owner.id === "c2" });
  const first = await house.start();
  const run = await first.control.submit(submission(graph));
  await first.close();
  const coordinator = await house.start({ name: "c2", adoptUnfinished: true, adoptGraceMs: 0 });
  const orders = await ordersOf(house, coordinator, obedient(graph));
  await finished(coordinator, run);
  const { token } = tokenIs("from-before");
  assert.deepEqual(tokens(orders), [token, token, token]);
  assert.deepEqual((await coordinator.control.plan(resumed(run, tokenIs("from-before")))).changedParameters, []);
  assert.deepEqual((await coordinator.control.plan(resumed(run, tokenIs("other")))).changedParameters, ["token"]);
});

void test("whoever collects a run's artifacts forgets its secrets", options, async (t) => {
  const house = await House.open(t);
  const coordinator = await house.start({ sweep: new AgingStore(() => house.clock.nowMs()) });
  await ordersOf(house, coordinator, obedient(graph));
  const [first, second] = [await coordinator.control.submit(request()), await coordinator.control.submit(request())];
  await Promise.all([finished(coordinator, first), finished(coordinator, second)]);
  const collect = { retention: { keepDays: null, keepLast: 1, keepTags: [], namespace: null }, keepLogs: true, by: "ada" };
  await coordinator.control.collect({ ...collect, dryRun: true });
  assert.deepEqual(house.secrets.get(first), tokenIs("open-sesame"));
  await coordinator.control.collect({ ...collect, dryRun: false });
  assert.deepEqual([house.secrets.get(first), house.secrets.get(second)], [{}, tokenIs("open-sesame")]);
});
