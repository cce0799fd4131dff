// The coordinator alone: tasks a second through ledger (SQLite, fully synced), core and gRPC over a unix socket, with
// workers that run nothing. They have a process of their own, as in a cluster; both share this machine's cores.

import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { MemoryLogStore } from "../coordinator/adapters/memory-log-store.ts";
import { MemoryTaskQueue } from "../coordinator/adapters/memory-task-queue.ts";
import { SqliteLedger } from "../coordinator/adapters/sqlite-ledger.ts";
import { SystemClock } from "../coordinator/adapters/system-clock.ts";
import { startCoordinator } from "../coordinator/main.ts";
import { foreach, obedient, submission } from "../test/coordinator/graphs.ts";
import { SimulatedWorker } from "../test/coordinator/simulated-worker.ts";

const tasks = Number(process.env["TASKS"] ?? 50_000);
const workers = 4;
const slotsEach = 100;
/** What the specification of the coordinator asks for. Tasks a second. */
const limit = 5000;

const workerAddress = process.argv[2];
if (workerAddress === undefined) await measure();
else await work(workerAddress);

async function work(address: string): Promise<void> {
  const graph = foreach();
  const answer = obedient(graph, tasks);
  for (let number = 1; number <= workers; number += 1) {
    const worker = new SimulatedWorker({ address, id: `w${number}`, slots: slotsEach, execute: answer, forgetful: true });
    await worker.connect();
    setInterval(() => worker.beat(), 2000);
  }
  process.send?.("ready");
}

async function measure(): Promise<void> {
  const folder = await mkdtemp(join(import.meta.dirname, ".coordinator-")); // On the disk of the checkout: /tmp may be memory.
  const clock = new SystemClock();
  const queue = new MemoryTaskQueue({ clock, ackWaitMs: 30_000 });
  const ledger = new SqliteLedger(join(folder, "ledger.db"));
  const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: console.error };
  const coordinator = await startCoordinator({
    ledger,
    queue,
    logs: new MemoryLogStore(),
    clock,
    log: silent,
    owner: { id: "bench", pid: process.pid, host: hostname(), address: "" },
    listen: { path: join(folder, "socket") },
    version: "bench",
    adoptUnfinished: false,
    adoptGraceMs: 0,
  });
  const child = fork(fileURLToPath(import.meta.url), [coordinator.address], { stdio: "inherit" });
  await once(child, "message");
  const request = submission(foreach(), { workersMax: workers * slotsEach });
  const startMs = performance.now();
  const cpuBefore = process.cpuUsage();
  const run = await coordinator.control.submit(request);
  for (let status = "running"; status === "running";) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    status = (await coordinator.control.run(run)).status;
  }
  const seconds = (performance.now() - startMs) / 1000;
  const cpu = process.cpuUsage(cpuBefore);
  const { counts } = await coordinator.control.run(run);
  const rate = Math.round(counts.succeeded / seconds);
  const cpuMicros = Math.round((cpu.user + cpu.system) / counts.succeeded);
  const rssMiB = Math.round(process.memoryUsage.rss() / 2 ** 20);
  console.log(
    JSON.stringify({ figure: "coordinator, tasks/s", value: rate, limit, ratio: rate / limit, tasks: counts.succeeded, cpuMicros, rssMiB }),
  );
  child.kill();
  await coordinator.close();
  await queue.close();
  await ledger.close();
  await rm(folder, { recursive: true, force: true });
}
