// A coordinator of a cluster in this process: its folder, its queue, its store, and where it listens.

import { hostname } from "node:os";
import { join } from "node:path";
import { FileLogStore } from "../../coordinator/adapters/file-log-store.ts";
import { FileSecretStore } from "../../coordinator/adapters/file-secret-store.ts";
import { MemoryTaskQueue } from "../../coordinator/adapters/memory-task-queue.ts";
import { SqliteLedger } from "../../coordinator/adapters/sqlite-ledger.ts";
import { SystemClock } from "../../coordinator/adapters/system-clock.ts";
import { watchRoutes } from "../../coordinator/api/http/watch-routes.ts";
import { workerRoute, type GivenWorker } from "../../coordinator/api/http/worker-route.ts";
import { RenewedTls } from "../../coordinator/adapters/tls/renewal.ts";
import { startCoordinator, type Coordinator } from "../../coordinator/main.ts";
import type { Clock } from "../../coordinator/ports/clock.ts";
import type { TaskQueue } from "../../coordinator/ports/task-queue.ts";
import type { CoordinatorLog } from "../../coordinator/shell/log.ts";
import { ControlError } from "../../proto/control.ts";
import type { Settings } from "../settings.ts";
import type { Environment } from "../terminal.ts";
import { startBlobService, type BlobServiceOptions } from "./blob-service.ts";
import { openDataFolder, type DataFolder } from "./data-folder.ts";
import { openGuard } from "./guard.ts";
import type { LaunchingFrom, OpenedLaunching } from "./launching.ts";
import { Monitor } from "./monitor.ts";
import { addressOf, type TcpAddress } from "./tcp-address.ts";
import { oneFileWorker } from "./worker-file.ts";

export type ServeOptions = {
  readonly settings: Settings;
  readonly env: Environment;
  readonly version: string;
  readonly log: CoordinatorLog;
};

export interface Serving {
  readonly address: string;
  readonly http: string;
  close(): Promise<void>;
}

/** How long a hint may be with the dispatcher of this very process before it counts as lost. */
const ackWaitMs = 30_000;
/**
 * Workers of a coordinator that died come back within this time, or have lost what they held. A thousand of them, who wait up
 * to five seconds between two tries, need about ten on two cores. Milliseconds.
 */
const adoptGraceMs = 20_000;

/** @throws CliError, LedgerError */
export async function serve(options: ServeOptions): Promise<Serving> {
  const opened: Opened = [];
  try {
    return await serveFrom(openDataFolder(options.settings.data), options, opened);
  } catch (error) {
    await closeAll(opened);
    throw error;
  }
}

/** What must be closed again, in the opposite order. */
type Opened = (() => unknown)[];

async function closeAll(opened: Opened): Promise<void> {
  for (const close of opened.toReversed()) await close();
}

async function serveFrom(folder: DataFolder, options: ServeOptions, opened: Opened): Promise<Serving> {
  opened.push(() => folder.release());
  const { settings, version } = options;
  const monitor = new Monitor(options.log, version);
  const { log, metrics } = monitor;
  opened.push(() => monitor.close());
  const listen = addressOf(settings.listen, "--listen");
  const httpAt = settings.http === "" ? besides(listen) : addressOf(settings.http, "--http");
  const clock = new SystemClock();
  const file = join(folder.path, "ledger.db");
  const ledger = monitor.ledger(new SqliteLedger(file), file);
  opened.push(() => ledger.close());
  const logs = new FileLogStore({
    root: join(folder.path, "logs"),
    onDropped: (message) => log.warn({ event: "logs.dropped" }, message),
  });
  opened.push(() => logs.close());
  const queue = await openQueue(folder, clock, { ...options, log });
  opened.push(() => queue.close());
  const guard = await openGuard({ settings, folder: folder.path, hosts: [listen.host, httpAt.host], clock, log });
  opened.push(() => guard.access?.audit.close());
  const renewed = guard.tls === null ? null : new RenewedTls({ ...guard.tls, clock, log });
  opened.push(() => renewed?.close());
  const tls = renewed?.tls ?? null;
  const started: Started = { coordinator: null };
  // What Batch runs are images with Node, which fetch the worker from here.
  const worker = settings.launcher === "batch" ? oneFileWorker(folder.identity) : null;
  const port = httpPort(monitor, started, { version, worker });
  const blobs = await startBlobService({ folder, settings, http: httpAt, tls, nowMs: () => clock.nowMs(), log, port });
  opened.push(() => blobs.http.close());
  const { fingerprint } = guard;
  const launching = await launchingOf({ ...options, folder: folder.path, fingerprint, worker, http: blobs.http, listen });
  opened.push(() => launching?.close());
  const coordinator = await startCoordinator({
    ledger,
    logs,
    clock,
    log,
    queue,
    listen: { ...listen, tls },
    access: guard.access,
    version,
    // D2 of data-folder.ts: what this folder's coordinator had claimed, it has still.
    owner: { id: folder.identity, pid: process.pid, host: hostname(), address: "" },
    blobs: blobs.access,
    sweep: blobs.sweep,
    secrets: new FileSecretStore(join(folder.path, "secrets")),
    launching: launching === null ? null : (address) => launching.terms(address),
    metrics,
    probes: monitor.probes({ folder: folder.path, ledger, store: blobs.check }),
    adoptUnfinished: true,
    adoptGraceMs,
  });
  opened.push(() => coordinator.close());
  started.coordinator = coordinator;
  const { address } = coordinator;
  const http = `${httpAt.host}:${blobs.http.port}`;
  const served = { address, http, fingerprint };
  folder.describe({ ...served, host: hostname(), pid: process.pid, tokenFile: guard.tokenFile, startedAt: new Date().toISOString() });
  log.info({ event: "coordinator.listening", ...served, data: folder.path }, "the coordinator is ready");
  return { address, http, close: () => closeAll(opened) };
}

/** Loaded only where workers are launched. @throws CliError missing, LedgerError */
async function launchingOf(from: LaunchingFrom): Promise<OpenedLaunching | null> {
  return from.settings.launcher === "none" ? null : (await import("./launching.ts")).openLaunching(from);
}

/** Null until it serves: its HTTP port is there before. */
type Started = { coordinator: Coordinator | null };

type Given = { readonly version: string; readonly worker: GivenWorker | null };

function httpPort({ registry, metrics }: Monitor, started: Started, { version, worker }: Given): BlobServiceOptions["port"] {
  const watching = watchRoutes({ registry, version, health: () => started.coordinator?.control.health() ?? null });
  return {
    routes: worker === null ? watching : [...watching, workerRoute(worker)],
    identify: (authorization, from) => {
      if (started.coordinator === null) throw new ControlError("unavailable", "the coordinator is starting: ask again");
      return started.coordinator.identify(authorization, from);
    },
    onAnswered: (route, method, status) => metrics.answered(route, method, status),
  };
}

/** @throws NatsQueueError */
async function openQueue({ identity }: DataFolder, clock: Clock, { settings, env, log }: ServeOptions): Promise<TaskQueue> {
  if (settings.nats === "") return new MemoryTaskQueue({ clock, ackWaitMs });
  const [{ openNatsTaskQueue }, { natsServers }] = await Promise.all([
    import("../../coordinator/adapters/nats/nats-task-queue.ts"),
    import("../../coordinator/adapters/nats/servers.ts"),
  ]);
  // Two coordinators at one server never take each other's tasks.
  const prefix = `stepwell-${identity.slice(0, 8)}`;
  return openNatsTaskQueue({ servers: natsServers({ url: settings.nats }, env), prefix, ackWaitMs, clock, log });
}

function besides({ host, port }: TcpAddress): TcpAddress {
  return { host, port: port === 0 ? 0 : port + 1 };
}
