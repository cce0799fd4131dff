// A coordinator with NATS, with the server's own way of syncing and with a sync for each message: tasks a second with workers
// that run nothing.

import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { MemoryLogStore } from "../coordinator/adapters/memory-log-store.ts";
import { openNatsTaskQueue } from "../coordinator/adapters/nats/nats-task-queue.ts";
import { natsServers } from "../coordinator/adapters/nats/servers.ts";
import { SqliteLedger } from "../coordinator/adapters/sqlite-ledger.ts";
import { SystemClock } from "../coordinator/adapters/system-clock.ts";
import { startCoordinator, type Coordinator } from "../coordinator/main.ts";
import { NatsServer } from "../test/cluster/nats-server.ts";
import { foreach, submission } from "../test/coordinator/graphs.ts";
import { atLeast, noted, quick } from "./figure.ts";

const slotsOfAll = 400;
/** Tasks a second. */
const rateWanted = 2500;

const log = { debug: () => undefined, info: () => undefined, warn: console.error, error: console.error };

await measure("default");
await measure("always");

async function measure(syncs: "default" | "always"): Promise<void> {
  try {
    await withPlace(syncs === "always", (coordinator) => measureRate(coordinator, syncs));
  } catch (error) {
    // Where the file system knows no such attribute.
    if (syncs === "default" || !(error instanceof Error && /chattr/.test(error.message))) throw error;
    console.error(`no sync for each message here: ${error.message}`);
  }
}

async function withPlace(syncsAlways: boolean, act: (coordinator: Coordinator) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(import.meta.dirname, ".nats-")); // On the disk of the checkout: /tmp may be memory.
  const clock = new SystemClock();
  const server = await NatsServer.start({ within: folder, syncsAlways });
  const ledger = new SqliteLedger(join(folder, "ledger.db"));
  const queue = await openNatsTaskQueue({ servers: natsServers({ url: server.url }, {}), prefix: "bench", ackWaitMs: 30_000, clock, log });
  const coordinator = await startCoordinator({
    ledger,
    queue,
    logs: new MemoryLogStore(),
    clock,
    log,
    owner: { id: "bench", pid: process.pid, host: hostname(), address: "" },
    listen: { path: join(folder, "socket") },
    version: "bench",
    adoptUnfinished: false,
    adoptGraceMs: 0,
  });
  await act(coordinator);
  await coordinator.close();
  await queue.close();
  await ledger.close();
  await server.close();
  await rm(folder, { recursive: true, force: true });
}

/** With the simulated workers of coordinator.ts. */
async function measureRate(coordinator: Coordinator, syncs: string): Promise<void> {
  const child = fork(fileURLToPath(new URL("coordinator.ts", import.meta.url)), words(coordinator.address), { stdio: "inherit" });
  await once(child, "message");
  const startMs = performance.now();
  const cpuBefore = process.cpuUsage();
  const run = await coordinator.control.submit(submission(foreach(), { workersMax: slotsOfAll }));
  for (let status = "running"; status === "running" || status === "pending";) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    status = (await coordinator.control.run(run)).status;
  }
  const seconds = (performance.now() - startMs) / 1000;
  const cpu = process.cpuUsage(cpuBefore);
  await end(child);
  const { succeeded } = (await coordinator.control.run(run)).counts;
  const figure = `coordinator with NATS, sync ${syncs}, foreach of ${(succeeded - 3).toLocaleString("en")}`;
  atLeast(1, { figure, value: Math.round(succeeded / seconds), unit: "tasks/s", limit: rateWanted });
  noted("  its CPU for each task", Math.round((cpu.user + cpu.system) / succeeded), "us");
}

function words(...given: readonly string[]): string[] {
  return [...given, ...(quick ? ["--quick"] : [])];
}

async function end(child: ChildProcess): Promise<void> {
  const gone = once(child, "exit");
  child.kill();
  await gone;
}
