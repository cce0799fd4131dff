// A whole cluster on this machine, with one worker for each core, and NATS with the server's own way of syncing and with a sync for
// each message, TLS on and off: how long a ready task waits for a warm worker, no-op tasks a second, and what a task costs in each process.

import { availableParallelism } from "node:os";
import type { RecordedEvent } from "../proto/event.ts";
import { childrenOf, cpuMsOf, ended, withCluster, type BenchCluster, type ClusterShape } from "./clusters.ts";
import { atLeast, atMost, noted, quick } from "./figure.ts";

const length = quick ? 30 : 1000;
const width = quick ? 200 : 10_000;
const warmUpWidth = quick ? 20 : 1000;
const warmUpSteps = 10;
/** Tasks a second. */
const rateWanted = 1000;
/** Milliseconds from a ready task to its code running on a warm worker. */
const [medianWantedMs, slowestWantedMs] = [10, 50];
const workers = availableParallelism();

for (const syncs of ["default", "always"] as const) {
  for (const tls of [false, true]) await measure({ syncs, tls, workers });
}

async function measure(shape: ClusterShape): Promise<void> {
  const name = `cluster, sync ${shape.syncs}, ${shape.tls ? "TLS" : "no TLS"}`;
  try {
    await withCluster(shape, async (cluster) => {
      await measureRate(cluster, name);
      await measureWaits(cluster, name);
    });
  } catch (error) {
    // Where the file system knows no such attribute.
    if (shape.syncs === "default" || !(error instanceof Error && /chattr/.test(error.message))) throw error;
    console.error(`no sync for each message here: ${error.message}`);
  }
}

async function measureRate(cluster: BenchCluster, name: string): Promise<void> {
  const { remote, submit } = cluster;
  await ended(remote, await submit(wideFlow(warmUpWidth)), warmUpWidth + 3);
  const before = costs(cluster);
  const startMs = performance.now();
  await ended(remote, await submit(wideFlow(width)), width + 3);
  const seconds = (performance.now() - startMs) / 1000;
  const after = costs(cluster);
  atLeast(1, { figure: `${name}: no-op tasks`, value: Math.round((width + 3) / seconds), unit: "tasks/s", limit: rateWanted });
  for (const [what, ms] of after) {
    const micros = Math.round(((ms - (before.get(what) ?? 0)) * 1000) / width);
    if (!Number.isNaN(micros)) noted(`  CPU of ${what} for each task`, micros, "us");
  }
}

function costs({ server, coordinator, workers: agents }: BenchCluster): ReadonlyMap<string, number> {
  const sum = (pids: readonly (number | undefined)[]): number => pids.reduce<number>((total, pid) => total + cpuMsOf(pid), 0);
  const pids = agents.map(({ child }) => child.pid);
  return new Map([
    ["nats-server", sum([server.pid])],
    ["the coordinator", sum([coordinator.child.pid])],
    ["the workers", sum(pids)],
    ["the task processes", sum(pids.flatMap(childrenOf))],
  ]);
}

async function measureWaits({ remote, submit }: BenchCluster, name: string): Promise<void> {
  const run = await submit(chainFlow());
  await ended(remote, run, length);
  const events: RecordedEvent[] = [];
  for await (const event of remote.control.events(run, 0)) events.push(event);
  const waits = events
    .flatMap(waitOf)
    .slice(warmUpSteps)
    .toSorted((a, b) => a - b);
  const at = (share: number): number => waits[Math.floor(share * (waits.length - 1))] ?? NaN;
  const figure = `${name}: from ready to running on a warm worker`;
  atMost(1, { figure: `${figure}, median`, value: at(0.5), unit: "ms", limit: medianWantedMs });
  atMost(1, { figure: `${figure}, slowest but 1 %`, value: at(0.99), unit: "ms", limit: slowestWantedMs });
}

/** From the moment at which the step before was accepted, in whole milliseconds. */
function waitOf({ event }: RecordedEvent, index: number, events: readonly RecordedEvent[]): readonly number[] {
  if (event.kind !== "taskSucceeded") return [];
  const before = events.slice(0, index).findLast((earlier) => earlier.event.kind === "taskSucceeded");
  return before === undefined ? [] : [event.usage.startedAtMs - before.event.atMs];
}

function chainFlow(): string {
  const names = Array.from({ length }, (_, index) => (index === 0 ? "start" : index === length - 1 ? "end" : `step${index}`));
  const steps = names.map((name, index) => {
    const next = names[index + 1];
    return `  @step ${name}() { this.count = ${index}; ${next === undefined ? "" : `return this.next(this.${next});`} }`;
  });
  return `export class ChainFlow extends FlowSpec {\n  declare count: number;\n${steps.join("\n")}\n}`;
}

function wideFlow(wide: number): string {
  return `export class WideFlow extends FlowSpec {
  declare items: number[];
  @step start() { this.items = Array.from({ length: ${wide} }, (_, i) => i); return this.next(this.work, { foreach: "items" }); }
  @step work() { return this.next(this.join); }
  @step join(inputs: Inputs<this>) { return this.next(this.end); }
  @step end() {}
}`;
}
