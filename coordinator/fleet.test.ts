import assert from "node:assert/strict";
import { test } from "node:test";
import { linear, submission } from "../test/coordinator/graphs.ts";
import { House, settle } from "../test/coordinator/harness.ts";

const graph = linear(["start", "end"]);

void test("a worker is shown with the load of its last beat, and for an hour after it was lost", { timeout: 20_000 }, async (t) => {
  const house = await House.open(t);
  const coordinator = await house.start();
  const { control } = coordinator;
  const worker = await house.worker(coordinator, { slots: 2, execute: () => null });
  for (let runs = 0; runs < 2; runs += 1) await control.submit(submission(graph));
  await worker.until(() => worker.count("assign") === 2);
  assert.equal((await control.workers())[0]?.load, null);
  const load = { cpuShare: 0.5, usedMiB: 100, totalMiB: 200 };
  worker.send({ kind: "beat", held: [...worker.held.values()].map(({ of }) => of), load });
  worker.beat(); // Says nothing of it.
  await settle();
  const shown = async () =>
    (await control.workers()).map(({ status, load: last, requeued, running }) => ({
      status,
      load: last,
      requeued,
      running: running.length,
    }));
  assert.deepEqual(await shown(), [{ status: "ready", load, requeued: 0, running: 2 }]);
  worker.disconnect();
  await settle();
  assert.deepEqual(await shown(), [{ status: "away", load, requeued: 0, running: 2 }]);
  await house.pass(12_000);
  assert.deepEqual(await shown(), [{ status: "lost", load: null, requeued: 2, running: 0 }]);
  await worker.connect();
  assert.equal((await shown())[0]?.status, "ready");
  assert.equal((await shown()).length, 1);
  worker.disconnect();
  await house.pass(12_000);
  assert.equal((await shown())[0]?.status, "lost");
  house.clock.advance(3_600_001);
  assert.deepEqual(await shown(), []);
});
