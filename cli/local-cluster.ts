// What runs and what is kept on this machine: a cluster of one, with its ledger, artifacts and logs in a folder.

import { randomUUID } from "node:crypto";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { FileLogStore } from "../coordinator/adapters/file-log-store.ts";
import { FileSecretStore } from "../coordinator/adapters/file-secret-store.ts";
import { MemoryTaskQueue } from "../coordinator/adapters/memory-task-queue.ts";
import { SqliteLedger } from "../coordinator/adapters/sqlite-ledger.ts";
import { SystemClock } from "../coordinator/adapters/system-clock.ts";
import { startCoordinator, type Coordinator } from "../coordinator/main.ts";
import type { CoordinatorLog } from "../coordinator/shell/log.ts";
import { FileArtifactStore } from "../sdk/artifact/file-store.ts";
import { startWorker, type Worker } from "../worker/main.ts";
import { killAtExit } from "./kill-at-exit.ts";
import { openLog } from "./log.ts";
import { packageVersion } from "./package-version.ts";
import type { Cluster, Reader } from "./reader.ts";

export type LocalOptions = { readonly dir: string; readonly slots: number; readonly isolation: "warm" | "process"; readonly log: string };

type Ports = {
  readonly ledger: SqliteLedger;
  readonly logs: FileLogStore;
  readonly queue: MemoryTaskQueue;
  readonly clock: SystemClock;
  readonly store: FileArtifactStore;
  readonly secrets: FileSecretStore;
};

/** A process that has run for so long may have much to keep. Milliseconds. */
const thriftAfterMs = 1000;

/** How long a hint may be with the dispatcher of this very process before it counts as lost. */
const ackWaitMs = 30_000;

/** @throws LedgerError */
export async function openLocal({ dir }: { readonly dir: string }): Promise<Reader> {
  const log = openLog("warn");
  const ports = openPorts(dir, log);
  const coordinator = await coordinate(ports, { log, socket: null });
  return { control: coordinator.control, ...storeOfAll(ports), close: () => close(ports, coordinator) };
}

/** @throws LedgerError */
export async function startLocal({ dir, slots, isolation, log: level }: LocalOptions): Promise<Cluster> {
  const log = openLog(level);
  const folder = join(tmpdir(), `stepwell-${process.pid}-${randomUUID().slice(0, 8)}`);
  // In the worker's folder, which is removed even if this process is killed.
  const socket = join(folder, "socket");
  const ports = openPorts(dir, log);
  const linked = Promise.withResolvers<Coordinator["link"]>();
  // The worker comes first: its first task process starts while the rest is loading.
  const worker = startWorker({
    coordinator: linked.promise,
    slots,
    id: `local-${process.pid}`,
    version: packageVersion(),
    store: { kind: "files", root: artifactsIn(dir) },
    isolation,
    labels: {},
    offer: "unbounded",
    runs: [],
    log,
    folder,
  });
  const coordinator = await coordinate(ports, { log, socket }).catch(async (error: unknown) => {
    await worker.stop();
    throw error;
  });
  linked.resolve(coordinator.link);
  const thrift = setTimeout(collectMoreOften, thriftAfterMs).unref();
  const kill = (): void => worker.kill();
  const spare = killAtExit(kill);
  return {
    control: coordinator.control,
    ...storeOfAll(ports),
    lasting: false,
    // The worker takes whatever its coordinator has.
    join: () => Promise.resolve(),
    kill,
    close: async () => {
      clearTimeout(thrift);
      await stop(worker, ports, coordinator);
      spare();
    },
  };
}

/**
 * The heap may grow by so much between two collections, where the engine would let it double and more: a foreach of 100,000
 * took a fifth less memory, and no more time.
 */
function collectMoreOften(): void {
  process.getBuiltinModule("node:v8").setFlagsFromString("--heap-growing-percent=40");
}

function openPorts(dir: string, log: CoordinatorLog): Ports {
  const clock = new SystemClock();
  return {
    clock,
    queue: new MemoryTaskQueue({ clock, ackWaitMs }),
    ledger: new SqliteLedger(ledgerFile(dir)),
    logs: new FileLogStore({ root: join(dir, "logs"), onDropped: (message) => log.warn({ event: "logs.dropped" }, message) }),
    store: new FileArtifactStore(artifactsIn(dir)),
    secrets: new FileSecretStore(join(dir, "secrets")),
  };
}

export function ledgerFile(dir: string): string {
  return join(dir, "ledger.db");
}

function artifactsIn(dir: string): string {
  return join(dir, "artifacts");
}

function coordinate(
  { ledger, logs, queue, clock, store, secrets }: Ports,
  { log, socket }: { readonly log: CoordinatorLog; readonly socket: string | null },
): Promise<Coordinator> {
  return startCoordinator({
    ledger,
    logs,
    clock,
    log,
    queue,
    sweep: store,
    secrets,
    owner: { id: randomUUID(), pid: process.pid, host: hostname(), address: "" },
    listen: socket === null ? null : { path: socket },
    version: packageVersion(),
    // Other runs of this folder belong to other commands, or to nobody until somebody resumes them.
    adoptUnfinished: false,
    adoptGraceMs: 0,
  });
}

async function stop(worker: Worker, ports: Ports, coordinator: Coordinator): Promise<void> {
  await worker.stop();
  await close(ports, coordinator);
}

async function close({ ledger, logs, queue }: Ports, coordinator: Coordinator): Promise<void> {
  await coordinator.close();
  await queue.close();
  await logs.close();
  await ledger.close();
}

/** One folder has the blobs of all runs. */
function storeOfAll({ store }: Ports): Pick<Reader, "store" | "storeOf"> {
  return { store, storeOf: () => store };
}
