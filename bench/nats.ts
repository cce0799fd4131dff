// A coordinator with NATS, with the server's own way of syncing and with a sync for each message: tasks a second with workers
// that run nothing, no-op tasks a second through task processes, and how long a ready task waits for a warm worker.

import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { availableParallelism, hostname } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { MemoryLogStore } from "../coordinator/adapters/memory-log-store.ts";
import { openNatsTaskQueue } from "../coordinator/adapters/nats/nats-task-queue.ts";
import { natsServers } from "../coordinator/adapters/nats/servers.ts";
import { SqliteLedger } from "../coordinator/adapters/sqlite-ledger.ts";
import { SystemClock } from "../coordinator/adapters/system-clock.ts";
import { startCoordinator, type Coordinator } from "../coordinator/main.ts";
import { defaultRunOptions, type RecordedEvent } from "../proto/event.ts";
import { FileArtifactStore } from "../sdk/artifact/file-store.ts";
import { checkFlow } from "../sdk/graph/check-flow.ts";
import { NatsServer } from "../test/cluster/nats-server.ts";
import { foreach, submission } from "../test/coordinator/graphs.ts";
import { finished } from "../test/coordinator/harness.ts";
import { startWorker } from "../worker/main.ts";
import { atLeast, atMost, noted, quick } from "./figure.ts";

const length = quick ? 30 : 1000;
const width = quick ? 200 : 5000;
const warmUpSteps = 10;
const slotsOfAll = 400;
/** Tasks a second. */
const [rateWanted, taskRateWanted] = [2500, 1000];
/** Milliseconds from a ready task to its code running on a warm worker. */
const [medianWantedMs, slowestWantedMs] = [10, 50];

const log = { debug: () => undefined, info: () => undefined, warn: console.error, error: console.error };
type Place = { readonly folder: string; readonly coordinator: Coordinator; readonly server: NatsServer };

const [role, address = "", root = ""] = process.argv.slice(2).filter((word) => !word.startsWith("-"));
if (role === "worker") work();
else {
  await measure("default");
  await measure("always");
}

/** A real worker, in a process of its own. */
function work(): void {
  startWorker({
    coordinator: { address },
    slots: availableParallelism(),
    id: "bench",
    version: "bench",
    store: { kind: "files", root },
    isolation: "warm",
    labels: {},
    runs: [],
    log,
  });
}

async function measure(syncs: "default" | "always"): Promise<void> {
  try {
    await withPlace(syncs === "always", (place) => measureRate(place, syncs));
    await withPlace(syncs === "always", (place) => measureTasks(place, syncs));
  } catch (error) {
    // Where the file system knows no such attribute.
    if (syncs === "default" || !(error instanceof Error && /chattr/.test(error.message))) throw error;
    console.error(`no sync for each message here: ${error.message}`);
  }
}

async function withPlace(syncsAlways: boolean, act: (place: Place) => Promise<void>): Promise<void> {
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
  await act({ folder, coordinator, server });
  await coordinator.close();
  await queue.close();
  await ledger.close();
  await server.close();
  await rm(folder, { recursive: true, force: true });
}

/** With the simulated workers of coordinator.ts. */
async function measureRate({ coordinator }: Place, syncs: string): Promise<void> {
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

async function measureTasks({ folder, coordinator }: Place, syncs: string): Promise<void> {
  const store = join(folder, "artifacts");
  const child = fork(fileURLToPath(import.meta.url), words("worker", coordinator.address, store), { stdio: "inherit" });
  const waits = (await runFlow(coordinator, folder, chainFlow()))
    .flatMap(waitOf)
    .slice(warmUpSteps)
    .toSorted((a, b) => a - b);
  const at = (share: number): number => waits[Math.floor(share * (waits.length - 1))] ?? NaN;
  const figure = `NATS, sync ${syncs}: from ready to running on a warm worker`;
  atMost(1, { figure: `${figure}, median`, value: at(0.5), unit: "ms", limit: medianWantedMs });
  atMost(1, { figure: `${figure}, slowest but 1 %`, value: at(0.99), unit: "ms", limit: slowestWantedMs });
  const startMs = performance.now();
  const events = await runFlow(coordinator, folder, wideFlow());
  const succeeded = events.filter(({ event }) => event.kind === "taskSucceeded").length;
  if (succeeded !== width + 3) throw new Error(`${succeeded} tasks succeeded, not ${width + 3}`);
  const value = Math.round(succeeded / ((performance.now() - startMs) / 1000));
  atLeast(1, { figure: `NATS, sync ${syncs}: no-op tasks through task processes`, value, unit: "tasks/s", limit: taskRateWanted });
  await end(child);
}

/** From the moment at which the step before was accepted, in whole milliseconds. */
function waitOf({ event }: RecordedEvent, index: number, events: readonly RecordedEvent[]): readonly number[] {
  if (event.kind !== "taskSucceeded") return [];
  const before = events.slice(0, index).findLast((earlier) => earlier.event.kind === "taskSucceeded");
  return before === undefined ? [] : [event.usage.startedAtMs - before.event.atMs];
}

async function runFlow(coordinator: Coordinator, folder: string, flow: string): Promise<readonly RecordedEvent[]> {
  const file = join(folder, "flow.ts");
  await writeFile(file, `import { FlowSpec, step, type Inputs } from "stepwell";\n${flow}`);
  const checked = await checkFlow(file);
  if (checked.graph === null) throw new Error(JSON.stringify(checked.problems));
  const run = await coordinator.control.submit({
    ...submission(checked.graph, { ...defaultRunOptions, workersMax: slotsOfAll }),
    codePackage: await new FileArtifactStore(join(folder, "artifacts")).put(checked.package),
  });
  return finished(coordinator, run);
}

function chainFlow(): string {
  const names = Array.from({ length }, (_, index) => (index === 0 ? "start" : index === length - 1 ? "end" : `step${index}`));
  const steps = names.map((name, index) => {
    const next = names[index + 1];
    return `  @step ${name}() { this.count = ${index}; ${next === undefined ? "" : `return this.next(this.${next});`} }`;
  });
  return `export class ChainFlow extends FlowSpec {\n  declare count: number;\n${steps.join("\n")}\n}`;
}

function wideFlow(): string {
  return `export class WideFlow extends FlowSpec {
  declare items: number[];
  @step start() { this.items = Array.from({ length: ${width} }, (_, i) => i); return this.next(this.work, { foreach: "items" }); }
  @step work() { return this.next(this.join); }
  @step join(inputs: Inputs<this>) { return this.next(this.end); }
  @step end() {}
}`;
}

function words(...given: readonly string[]): string[] {
  return [...given, ...(quick ? ["--quick"] : [])];
}

async function end(child: ChildProcess): Promise<void> {
  const gone = once(child, "exit");
  child.kill();
  await gone;
}
