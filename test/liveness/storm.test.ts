// A coordinator that dies under many workers, some of which hold tasks, and with many runs. How long all this takes is measured in bench/.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { temporaryFolder } from "../command.ts";
import { foreach, obedient, submission } from "../coordinator/graphs.ts";
import { SimulatedWorker } from "../coordinator/simulated-worker.ts";
import { connected, end, ForkedCoordinator, forkWorkers } from "./many.ts";

const workers = 60;
const width = 40;

void test("all workers of a coordinator that was killed come back to the next one, and no task is lost", { timeout: 120_000 }, async () => {
  using temporary = temporaryFolder();
  const place = { folder: temporary.path, tls: true };
  const first = await ForkedCoordinator.start(place);
  const children = forkWorkers(first, workers, width);
  try {
    await connected(first.control, workers);
    const run = await first.control.submit(submission(foreach()));
    while ((await first.control.run(run)).counts.running < width) await sleep(20);
    await sleep(300); // They name what they hold a moment after they got it.
    await first.kill();

    const next = await ForkedCoordinator.start(place, first.port);
    try {
      await connected(next.control, workers);
      for (const child of children) child.send("finish");
      for await (const _ of next.control.events(run, 0));
      const { status, counts } = await next.control.run(run);
      assert.deepEqual([status, counts.succeeded, counts.retried], ["succeeded", width + 3, 0]);
    } finally {
      await next.kill();
    }
  } finally {
    await first.kill();
    for (const child of children) await end(child);
  }
});

void test("a coordinator that was killed with many runs under way goes on with all of them", { timeout: 120_000 }, async () => {
  using temporary = temporaryFolder();
  const place = { folder: temporary.path, tls: false };
  const first = await ForkedCoordinator.start(place);
  const begin = obedient(foreach(), width);
  const holder = new SimulatedWorker({
    address: first.address,
    id: "w1",
    slots: 30,
    execute: (order) => (order.step === "start" ? begin(order) : null),
  });
  await holder.connect();
  const runs = await Promise.all(Array.from({ length: 20 }, () => first.control.submit(submission(foreach(), { workersMax: 100 }))));
  for (const run of runs) while ((await first.control.run(run)).counts.succeeded === 0) await sleep(20);
  await first.kill();
  holder.disconnect();

  const next = await ForkedCoordinator.start(place, first.port);
  try {
    // It comes back without what it held, so that this is lost at once.
    const worker = new SimulatedWorker({ address: next.address, id: "w1", slots: 30, execute: begin });
    await worker.connect();
    for (const run of runs) {
      for await (const _ of next.control.events(run, 0));
      const { status, counts } = await next.control.run(run);
      assert.deepEqual([status, counts.succeeded], ["succeeded", width + 3]);
    }
    worker.disconnect();
  } finally {
    await next.kill();
  }
});
