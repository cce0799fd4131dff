// A coordinator that is killed with many runs under way, and started again: how long until it gives tasks to a worker again.

import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { connectControl, type ControlClient } from "../sdk/wire/control-client.ts";
import type { TaskOrder, TaskOutcome } from "../proto/order.ts";
import { freePort } from "../test/cluster/nats-server.ts";
import { startCoordinator } from "../test/cluster/processes.ts";
import { foreach, obedient, submission } from "../test/coordinator/graphs.ts";
import { SimulatedWorker } from "../test/coordinator/simulated-worker.ts";
import { endpointOf } from "./clusters.ts";
import { atMost, noted, quick } from "./figure.ts";

const runs = quick ? 5 : 100;
const tasksEach = quick ? 20 : 1000;
const secondsMax = 10;
const pollMs = 50;

const folder = await mkdtemp(join(import.meta.dirname, ".restart-")); // On the disk of the checkout: /tmp may be memory.
const data = join(folder, "data");
const address = `127.0.0.1:${await freePort()}`;
const words = ["--listen", address, "--http", "127.0.0.1:0"];
const answer = obedient(foreach(), tasksEach);

const first = await startCoordinator(folder, words);
await prepare();
first.coordinator.signal("SIGKILL");
await first.coordinator.ended();
const startMs = performance.now();
const second = await startCoordinator(folder, words);
const listeningMs = performance.now() - startMs;
const worker = simulated("again", () => null);
await worker.connect();
await worker.until(() => worker.held.size > 0);
const seconds = (performance.now() - startMs) / 1000;
const figure = `coordinator killed with ${runs} runs and ${(runs * tasksEach).toLocaleString("en")} unfinished tasks, until it gives tasks again`;
atMost(1, { figure, value: seconds, unit: "s", limit: secondsMax });
noted("  until it can be reached", listeningMs / 1000, "s");
worker.disconnect();
await second.coordinator[Symbol.asyncDispose]();
await rm(folder, { recursive: true, force: true });

/** All runs have begun, and their tasks wait. */
async function prepare(): Promise<void> {
  const control = connectControl(endpointOf(data));
  const starter = simulated("starter", (order) => (order.step === "start" ? answer(order) : null));
  await starter.connect();
  const begun = await Promise.all(Array.from({ length: runs }, () => control.submit(submission(foreach()))));
  for (const run of begun) while (!(await waits(control, run))) await new Promise((resolve) => setTimeout(resolve, pollMs));
  starter.disconnect();
  control.close();
}

async function waits(control: ControlClient, run: Awaited<ReturnType<ControlClient["submit"]>>): Promise<boolean> {
  return (await control.run(run)).counts.succeeded === 1;
}

/** It holds whatever gets no answer. */
function simulated(id: string, execute: (order: TaskOrder) => TaskOutcome | null): SimulatedWorker {
  const { address: _, ...endpoint } = endpointOf(data);
  return new SimulatedWorker({ address, endpoint, id, slots: runs + 1, execute });
}
