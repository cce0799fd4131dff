// How long until a task runs elsewhere, when the worker that had it is killed, and when it is frozen.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { parseTaskId, type RunId } from "../proto/ids.ts";
import type { Service } from "../test/cluster/processes.ts";
import { ended, withCluster, type BenchCluster } from "./clusters.ts";
import { atMost, quick } from "./figure.ts";

const rounds = quick ? 1 : 3;
const secondsMax = 15;
const work = parseTaskId("work/0");
const pollMs = 10;

/** The first attempt waits for ever, and the next does nothing. */
const lostFlow = (begun: string): string => `
import { existsSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
export class LostFlow extends FlowSpec {
  @step start() { return this.next(this.work); }
  @step async work() {
    if (!existsSync(${JSON.stringify(begun)})) {
      writeFileSync(${JSON.stringify(begun)}, "");
      await sleep(600_000);
    }
    return this.next(this.end);
  }
  @step end() {}
}`;

for (const [what, signal] of [
  ["killed", "SIGKILL"],
  ["frozen", "SIGSTOP"],
] as const) {
  let slowest = 0;
  for (let round = 0; round < rounds; round += 1) {
    await withCluster({ syncs: "default", tls: true, workers: 2 }, async (cluster) => {
      slowest = Math.max(slowest, await measure(cluster, signal));
    });
  }
  atMost(1, { figure: `worker ${what}, until its task runs elsewhere, slowest`, value: slowest, unit: "s", limit: secondsMax });
}

/** Seconds. */
async function measure(cluster: BenchCluster, signal: "SIGKILL" | "SIGSTOP"): Promise<number> {
  const { folder, remote, submit } = cluster;
  const begun = join(folder, "begun");
  const run = await submit(lostFlow(begun));
  while (!existsSync(begun)) await new Promise((resolve) => setTimeout(resolve, pollMs));
  const worker = await holderOf(cluster, run);
  const lostAtMs = Date.now();
  worker.signal(signal);
  await ended(remote, run, 3);
  for await (const { event } of remote.control.events(run, 0)) {
    if (event.kind === "taskSucceeded" && event.task === work) return (event.usage.startedAtMs - lostAtMs) / 1000;
  }
  throw new Error(`${run} succeeded without ${work}`);
}

async function holderOf({ remote, workers }: BenchCluster, run: RunId): Promise<Service> {
  const { attempts } = await remote.control.task(run, work);
  for (const worker of workers) {
    if ((await worker.event("worker.welcomed"))["worker_id"] === attempts[0]?.worker) return worker;
  }
  throw new Error(`${work} runs on none of the workers`);
}
