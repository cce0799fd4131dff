// Workers that die, freeze, are cut off and are told to leave: whole processes, a real connection, short leases.

import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { LivenessCluster } from "./cluster.ts";
import { Relay } from "./relay.ts";

const options = { timeout: 120_000 };

function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "latin1"));
  } catch {
    return false;
  }
}

void test("a frozen worker's task runs elsewhere; thawed, its result is refused, and it works on", options, async (t) => {
  const cluster = await LivenessCluster.open(t);
  const frozen = await cluster.worker("w1");
  const run = await cluster.submit();
  await cluster.begun(run, 0);
  await sleep(400); // It has named the task by now, as most have that freeze.
  frozen.kill("SIGSTOP");
  await cluster.worker("w2");
  await cluster.begun(run, 1);
  // Only the agent stands still: its task process comes to its end, and reports it.
  cluster.openGate(run, 0);
  cluster.openGate(run, 1);
  assert.equal(await cluster.finished(run), "succeeded");
  frozen.kill("SIGCONT");
  await cluster.logged("outcome.refused", (fields) => fields["worker_id"] === "w1" && fields["attempt"] === 0);
  assert.deepEqual(await cluster.attempts(run), ["w1 lost lost", "w2 succeeded"]);
  // Both are free: two runs at once need both.
  const [one, two] = [await cluster.submit(), await cluster.submit()];
  await Promise.all([cluster.begun(one, 0), cluster.begun(two, 0)]);
  for (const each of [one, two]) cluster.openGate(each, 0);
  for (const each of [one, two]) assert.equal(await cluster.finished(each), "succeeded");
});

void test("a frozen worker that thaws while its task runs elsewhere stops its own", options, async (t) => {
  const cluster = await LivenessCluster.open(t);
  const frozen = await cluster.worker("w1");
  const run = await cluster.submit();
  const pid = await cluster.begun(run, 0);
  frozen.kill("SIGSTOP");
  await cluster.worker("w2");
  await cluster.begun(run, 1);
  assert.ok(isAlive(pid));
  frozen.kill("SIGCONT");
  while (isAlive(pid)) await sleep(10);
  cluster.openGate(run, 1);
  assert.equal(await cluster.finished(run), "succeeded");
});

void test("a killed worker's task runs elsewhere", options, async (t) => {
  const cluster = await LivenessCluster.open(t);
  const killed = await cluster.worker("w1");
  const run = await cluster.submit();
  const pid = await cluster.begun(run, 0);
  await sleep(400);
  killed.kill("SIGKILL");
  await cluster.worker("w2");
  await cluster.begun(run, 1);
  assert.ok(!isAlive(pid), "nothing of the worker is left");
  cluster.openGate(run, 1);
  assert.equal(await cluster.finished(run), "succeeded");
  assert.deepEqual(await cluster.attempts(run), ["w1 lost lost", "w2 succeeded"]);
});

void test("what is written to a dead connection runs elsewhere at nobody's expense, and once", options, async (t) => {
  const cluster = await LivenessCluster.open(t);
  const relay = await Relay.open(cluster.coordinator.address);
  t.after(() => relay.close());
  await cluster.worker("w1", relay.address);
  const before = await cluster.submit();
  cluster.openGate(before, 0);
  assert.equal(await cluster.finished(before), "succeeded");
  relay.cut();
  const run = await cluster.submit({ lossesMax: 0 });
  await cluster.logged("task.returned", (fields) => fields["worker_id"] === "w1");
  await cluster.worker("w2");
  for (const attempt of [0, 1, 2]) cluster.openGate(run, attempt);
  assert.equal(await cluster.finished(run), "succeeded");
  const { items } = await cluster.coordinator.control.tasks(run, { limit: 10 });
  const [start] = items;
  assert.deepEqual(
    start?.attempts.map(({ worker, outcome }) => [worker, outcome]),
    [
      ["w1", "lost"],
      ["w2", "succeeded"],
    ],
  );
});

void test(
  "a worker that is cut off and comes back within its lease goes on, and every line of its log is there once",
  options,
  async (t) => {
    const cluster = await LivenessCluster.open(t, { leaseMs: 20_000, beatMs: 500 });
    const relay = await Relay.open(cluster.coordinator.address);
    t.after(() => relay.close());
    await cluster.worker("w1", relay.address);
    const run = await cluster.submit();
    await cluster.begun(run, 0);
    for (let times = 0; times < 5; times += 1) {
      const before = cluster.log.entries.filter(({ fields }) => fields["event"] === "worker.connected").length;
      relay.cut();
      await sleep(100);
      relay.reset();
      relay.heal();
      while (cluster.log.entries.filter(({ fields }) => fields["event"] === "worker.connected").length === before) await sleep(10);
      await sleep(100);
    }
    cluster.openGate(run, 0);
    assert.equal(await cluster.finished(run), "succeeded");
    assert.deepEqual(await cluster.attempts(run), ["w1 succeeded"]);
    const lines = (await Array.fromAsync(cluster.coordinator.control.logs({ run }))).map(({ text }) => text);
    assert.deepEqual(
      lines.filter((text) => text.startsWith("line")),
      Array.from({ length: 50 }, (_, index) => `line ${index}`),
    );
  },
);

void test("a worker that is to leave gives back what it has not finished, at nobody's expense, and ends", options, async (t) => {
  const cluster = await LivenessCluster.open(t);
  const leaving = await cluster.worker("w1");
  const run = await cluster.submit({ lossesMax: 0 });
  const pid = await cluster.begun(run, 0);
  const gone = once(leaving, "exit");
  leaving.kill("SIGTERM");
  assert.deepEqual(await gone, [0, null]);
  assert.ok(!isAlive(pid));
  await cluster.worker("w2");
  await cluster.begun(run, 1);
  cluster.openGate(run, 1);
  assert.equal(await cluster.finished(run), "succeeded");
  assert.deepEqual(await cluster.attempts(run), ["w1 lost drained", "w2 succeeded"]);
});
