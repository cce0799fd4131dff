import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../adapters/manual-clock.ts";
import type { QueueHealth, TaskQueue } from "../ports/task-queue.ts";
import { Health, lookEveryMs, probeMsMax } from "./health.ts";

function healthOf(probe: () => Promise<void>) {
  const clock = new ManualClock();
  let queueHealth: QueueHealth = { reachable: true, sinceMs: 0 };
  const queue: TaskQueue = {
    publish: () => Promise.resolve(),
    take: () => Promise.resolve([]),
    depth: () => Promise.resolve(0),
    health: () => queueHealth,
    close: () => Promise.resolve(),
  };
  const lose = (): void => void (queueHealth = { reachable: false, sinceMs: 7, reason: "gone" });
  return { clock, lose, health: new Health({ clock, queue, probes: { ledger: () => Promise.resolve(), store: probe } }) };
}

test("a part that cannot be used makes the coordinator not ready, and says since when until it is well again", async () => {
  let trouble: string | null = null;
  const { clock, health } = healthOf(() => (trouble === null ? Promise.resolve() : Promise.reject(new Error(trouble))));
  assert.equal((await health.view()).ready, true);
  trouble = "the bucket is gone";
  clock.advance(lookEveryMs);
  const sinceMs = clock.nowMs();
  for (let looks = 0; looks < 3; looks += 1) {
    const { ready, parts } = await health.view();
    assert.equal(ready, false);
    assert.deepEqual(parts[1], { part: "store", status: "failed", sinceMs, reason: trouble });
    clock.advance(lookEveryMs);
  }
  trouble = null;
  assert.deepEqual((await health.view()).parts[1], { part: "store", status: "ok", sinceMs: null, reason: null });
});

test("however many ask, a part is looked at once in a while", async () => {
  let looks = 0;
  const { clock, health } = healthOf(async () => void (looks += 1));
  await Promise.all([health.view(), health.view(), health.view()]);
  clock.advance(lookEveryMs - 1);
  await health.view();
  assert.equal(looks, 1);
  clock.advance(1);
  await health.view();
  assert.equal(looks, 2);
});

test("a part that says nothing has failed, and nobody waits for it longer", async () => {
  const { clock, health } = healthOf(() => new Promise(() => undefined));
  const asked = health.view();
  clock.advance(probeMsMax);
  assert.deepEqual((await asked).parts[1]?.reason, "it has not answered for 3 s");
});

test("a queue that cannot be reached is degraded and leaves the coordinator ready; one that closes is not", async () => {
  const { health, lose } = healthOf(() => Promise.resolve());
  lose();
  const { ready, parts } = await health.view();
  assert.equal(ready, true);
  assert.deepEqual(parts.at(-1), { part: "queue", status: "degraded", sinceMs: 7, reason: "gone" });
  health.close();
  assert.equal((await health.view()).ready, false);
});
