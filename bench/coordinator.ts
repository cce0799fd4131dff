// The coordinator alone, through ledger (SQLite, fully synced), core and gRPC over a unix socket: tasks a second of a wide
// foreach, with workers in a process of their own that run nothing, and the time from step to step of a chain, with a
// worker in this process as in local mode.

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
import { startCoordinator, type Coordinator } from "../coordinator/main.ts";
import { foreach, linear, obedient, submission } from "../test/coordinator/graphs.ts";
import { finished } from "../test/coordinator/harness.ts";
import { atLeast, atMost, noted, quick } from "./figure.ts";
import { SimulatedWorker } from "../test/coordinator/simulated-worker.ts";

const tasks = quick ? 2000 : 50_000;
const steps = quick ? 100 : 2000;
const near = quick ? 40 : 210;
const workers = 4;
const slotsEach = 100;
/** Tasks a second that the coordinator must reach. */
const rateLimit = 5000;
/** Milliseconds from step to step that a chain may take in all, task processes included. */
const stepLimitMs = 4;

const workerAddress = process.argv.slice(2).find((word) => !word.startsWith("-"));
if (workerAddress === undefined) {
  await withCoordinator(measureRate);
  await withCoordinator(measureChain);
} else await work(workerAddress);

async function work(address: string): Promise<void> {
  const answer = obedient(foreach(), tasks);
  for (let number = 1; number <= workers; number += 1) {
    const worker = new SimulatedWorker({ address, id: `w${number}`, slots: slotsEach, execute: answer, forgetful: true });
    await worker.connect();
    setInterval(() => worker.beat(), 2000);
  }
  process.send?.("ready");
}

async function withCoordinator(measure: (coordinator: Coordinator) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(import.meta.dirname, ".coordinator-")); // On the disk of the checkout: /tmp may be memory.
  const clock = new SystemClock();
  const queue = new MemoryTaskQueue({ clock, ackWaitMs: 30_000 });
  const ledger = new SqliteLedger(join(folder, "ledger.db"));
  const coordinator = await startCoordinator({
    ledger,
    queue,
    logs: new MemoryLogStore(),
    clock,
    log: { debug: () => undefined, info: () => undefined, warn: console.error, error: console.error },
    owner: { id: "bench", pid: process.pid, host: hostname(), address: "" },
    listen: { path: join(folder, "socket") },
    version: "bench",
    adoptUnfinished: false,
    adoptGraceMs: 0,
  });
  await measure(coordinator);
  await coordinator.close();
  await queue.close();
  await ledger.close();
  await rm(folder, { recursive: true, force: true });
}

async function measureRate(coordinator: Coordinator): Promise<void> {
  const child = fork(fileURLToPath(import.meta.url), [coordinator.address, ...(quick ? ["--quick"] : [])], { stdio: "inherit" });
  await once(child, "message");
  const startMs = performance.now();
  const cpuBefore = process.cpuUsage();
  const run = await coordinator.control.submit(submission(foreach(), { workersMax: workers * slotsEach }));
  for (let status = "running"; status === "running";) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    status = (await coordinator.control.run(run)).status;
  }
  const seconds = (performance.now() - startMs) / 1000;
  const cpu = process.cpuUsage(cpuBefore);
  child.kill();
  const { counts } = await coordinator.control.run(run);
  const value = Math.round(counts.succeeded / seconds);
  const cpuMicros = Math.round((cpu.user + cpu.system) / counts.succeeded);
  const rssMiB = Math.round(process.memoryUsage.rss() / 2 ** 20);
  atLeast(1, { figure: `coordinator alone, foreach of ${tasks.toLocaleString("en")}`, value, unit: "tasks/s", limit: rateLimit });
  noted("  its CPU for each task", cpuMicros, "us");
  noted("  its memory", rssMiB, "MiB");
}

async function measureChain(coordinator: Coordinator): Promise<void> {
  const names = Array.from({ length: steps }, (_, index) => (index === 0 ? "start" : index === steps - 1 ? "end" : `step${index}`));
  const graph = linear(names);
  const worker = new SimulatedWorker({ address: coordinator.address, id: "w1", slots: 1, execute: obedient(graph), forgetful: true });
  await worker.connect();
  const run = await coordinator.control.submit(submission(graph));
  const startedAtMs: number[] = [];
  for (const { event } of await finished(coordinator, run)) if (event.kind === "taskStarted") startedAtMs.push(event.atMs);
  worker.disconnect();
  const gaps = (from: number, to: number): number => ((startedAtMs[to] ?? 0) - (startedAtMs[from] ?? 0)) / (to - from);
  const value = gaps(10, near);
  atMost(1, { figure: "coordinator alone, chain, step to step", value, unit: "ms", limit: stepLimitMs });
  atMost(1.3, {
    figure: `  at step ${steps - 1}`,
    value: gaps(steps - near, steps - 1),
    unit: "ms",
    limit: gaps(10, near),
    limitName: "at step 10",
  });
}
