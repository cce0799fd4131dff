// A cluster for the measurements, as people start it: nats-server, the built coordinator, and built workers of one slot each, all
// processes of their own on this machine, in a folder that goes with them. Needs a build.

import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { readServed } from "../cli/cluster/data-folder.ts";
import { endpointTo } from "../cli/cluster/reach.ts";
import { openRemote, type Remote } from "../cli/cluster/remote.ts";
import { defaultRunOptions } from "../proto/event.ts";
import type { RunId } from "../proto/ids.ts";
import { checkFlow } from "../sdk/graph/check-flow.ts";
import type { Endpoint } from "../sdk/wire/endpoint.ts";
import { NatsServer } from "../test/cluster/nats-server.ts";
import { startCoordinator, startWorker, type Service } from "../test/cluster/processes.ts";
import { submission } from "../test/coordinator/graphs.ts";

export type ClusterShape = {
  /** `always`: each message of the queue is synced. */
  readonly syncs: "default" | "always";
  readonly tls: boolean;
  readonly workers: number;
};

export type BenchCluster = {
  readonly folder: string;
  readonly server: NatsServer;
  readonly coordinator: Service;
  readonly workers: readonly Service[];
  readonly remote: Remote;
  /** Begins a run of a flow, given without its imports. */
  submit(flow: string): Promise<RunId>;
};

const pollMs = 50;

export async function withCluster(shape: ClusterShape, act: (cluster: BenchCluster) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(import.meta.dirname, ".cluster-")); // On the disk of the checkout: /tmp may be memory.
  const server = await NatsServer.start({ within: folder, syncsAlways: shape.syncs === "always" });
  const started: Service[] = [];
  // Who takes too long is ended, and ends what it has started.
  const endAll = (): void => {
    for (const { child } of started) child.kill("SIGKILL");
    process.kill(server.pid, "SIGKILL");
  };
  const leave = (): never => process.exit(1);
  process.once("exit", endAll).once("SIGTERM", leave);
  try {
    const words = ["--listen", "127.0.0.1:0", "--nats", server.url, "--tls", shape.tls ? "on" : "off"];
    const { coordinator, env, ...cluster } = await startCoordinator(folder, words);
    started.push(coordinator);
    const endpoint = endpointOf(join(folder, "data"));
    const trusting = { ...env, ...fingerprintOf(endpoint) };
    const workers: Service[] = [];
    for (let known = 0; known < shape.workers; known += 1) {
      workers.push(await startWorker({ ...cluster, coordinator, env: trusting }, known));
      started.push(...workers.slice(-1));
    }
    const remote = openRemote(endpoint);
    await act({ folder, server, coordinator, workers, remote, submit: (flow) => submit(remote, folder, flow) });
    await remote.close();
  } finally {
    process.off("exit", endAll).off("SIGTERM", leave);
    for (const service of started.toReversed()) await service[Symbol.asyncDispose]();
    await server.close();
    await rm(folder, { recursive: true, force: true });
  }
}

export function endpointOf(data: string): Endpoint {
  const served = readServed(data);
  if (served === null) throw new Error(`no coordinator serves ${data}`);
  return endpointTo(served);
}

function fingerprintOf({ tls }: Endpoint): Readonly<Record<string, string>> {
  return typeof tls === "object" && tls.fingerprint !== undefined ? { STEPWELL_FINGERPRINT: tls.fingerprint } : {};
}

async function submit({ control, store }: Remote, folder: string, flow: string): Promise<RunId> {
  const file = join(folder, "flow.ts");
  await writeFile(file, `import { FlowSpec, step, type Inputs } from "stepwell";\n${flow}`);
  const checked = await checkFlow(file);
  if (checked.graph === null) throw new Error(JSON.stringify(checked.problems));
  const codePackage = await store.put(checked.package);
  return control.submit({ ...submission(checked.graph, { ...defaultRunOptions, splitsMax: 1_000_000 }), codePackage });
}

/** Waits for the run's end without following it. @throws Error unless it succeeds with so many tasks */
export async function ended({ control }: Pick<Remote, "control">, run: RunId, tasks: number): Promise<void> {
  for (;;) {
    const { status, counts } = await control.run(run);
    if (status === "succeeded" && counts.succeeded === tasks) return;
    if (status !== "running" && status !== "pending") throw new Error(`${run} ${status}, with ${counts.succeeded} of ${tasks} tasks`);
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

/** Clock ticks of 10 ms, as Linux counts them for everybody. */
const tickMs = 10;

/** What the process has used of the processors, in milliseconds; NaN where the system does not tell. */
export function cpuMsOf(pid: number | undefined): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ") ?? [];
    return (Number(fields[11]) + Number(fields[12])) * tickMs;
  } catch {
    return NaN;
  }
}

/** The processes that it has started. */
export function childrenOf(pid: number | undefined): readonly number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").map(Number);
  } catch {
    return [];
  }
}
