// Many idle workers at one coordinator, over TLS: what they cost it in memory, and how long it takes until all are back when all lose
// their connection at once, each with a task that must not be lost. Coordinator and workers are processes of their own.

import { fork } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { trustOf } from "../sdk/wire/channel.ts";
import { connectControl } from "../sdk/wire/control-client.ts";
import type { Endpoint } from "../sdk/wire/endpoint.ts";
import { startCoordinator } from "../test/cluster/processes.ts";
import { foreach, obedient, submission } from "../test/coordinator/graphs.ts";
import { SimulatedWorker } from "../test/coordinator/simulated-worker.ts";
import { ended, endpointOf } from "./clusters.ts";
import { atMost, quick } from "./figure.ts";

const count = quick ? 50 : 1000;
const growthMiBMax = 300;
const stormSecondsMax = 30;
const beatMs = 2000;
/** In which everything that idles has been idle for a while. Milliseconds. */
const restMs = quick ? 500 : 5000;

const data = process.argv.slice(2).find((word) => !word.startsWith("-"));
if (data === undefined) await measure();
else await work(await trusting(endpointOf(data)));

async function measure(): Promise<void> {
  const folder = await mkdtemp(join(import.meta.dirname, ".fleet-")); // On the disk of the checkout: /tmp may be memory.
  const { coordinator } = await startCoordinator(folder, ["--listen", "127.0.0.1:0", "--tls", "on"]);
  const control = connectControl(endpointOf(join(folder, "data")));
  await control.workers();
  await rest();
  const before = residentMiB(coordinator.child.pid);
  const child = fork(fileURLToPath(import.meta.url), [join(folder, "data"), ...(quick ? ["--quick"] : [])]);
  await once(child, "message"); // All are there.
  await rest();
  const figure = `coordinator, ${count.toLocaleString("en")} idle workers`;
  const grown = residentMiB(coordinator.child.pid) - before;
  atMost(1, { figure: `${figure}: memory`, value: grown, unit: "MiB", limit: growthMiBMax, timed: false });
  const holding = once(child, "message"); // Each has a task.
  const run = await control.submit(submission(foreach(), { workersMax: count }));
  await holding;
  child.send("storm");
  const [seconds] = await once(child, "message");
  atMost(1, { figure: `  all of them lose their connection and are back`, value: Number(seconds), unit: "s", limit: stormSecondsMax });
  child.send("finish");
  await ended({ control }, run, count + 3);
  let failed = 0;
  for await (const { event } of control.events(run, 0)) if (event.kind === "taskFailed") failed += 1;
  atMost(1, { figure: "  tasks that this has lost", value: failed, unit: "tasks", limit: 0, timed: false });
  child.kill();
  control.close();
  await coordinator[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
}

/** Whoever has only a fingerprint asks for the authority first, once for itself. */
async function trusting(endpoint: Endpoint): Promise<Endpoint> {
  return { ...endpoint, tls: (await trustOf(endpoint)) ?? "off" };
}

async function work({ address, ...endpoint }: Endpoint): Promise<void> {
  const answer = obedient(foreach(), count);
  let finishing = false;
  const workers = Array.from({ length: count }, (_, number) => {
    // What is assigned to it is held until the end.
    return new SimulatedWorker({
      address,
      endpoint,
      id: `w${number}`,
      slots: 1,
      execute: (order) => (order.step === "work" && !finishing ? null : answer(order)),
    });
  });
  await Promise.all(workers.map((worker) => worker.connect()));
  setInterval(() => workers.forEach((worker) => worker.beat()), beatMs);
  process.send?.("here");
  await Promise.all(workers.map((worker) => worker.until(() => worksOn(worker) !== undefined)));
  process.send?.("holding");
  await once(process, "message");
  const startMs = performance.now();
  await Promise.all(
    workers.map(async (worker) => {
      worker.disconnect();
      await worker.connect();
    }),
  );
  process.send?.((performance.now() - startMs) / 1000);
  await once(process, "message");
  finishing = true;
  for (const worker of workers) {
    const held = worksOn(worker);
    if (held !== undefined) worker.report(held.of, answer(held.order));
  }
}

function worksOn(worker: SimulatedWorker) {
  return [...worker.held.values()].find(({ of }) => of.task.startsWith("work/"));
}

function rest(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, restMs));
}

/** NaN where the system does not tell. */
function residentMiB(pid: number | undefined): number {
  try {
    const [, kibibytes] = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
    return Number(kibibytes) / 1024;
  } catch {
    return NaN;
  }
}
