// Puts a coordinator together: what drives runs, what watches workers, what clients may ask, and where it listens.

import { LedgerError, unfinishedStatuses, type Ledger, type Owner } from "./ports/ledger.ts";
import type { AuditTrail } from "./ports/audit-trail.ts";
import type { BlobAccess } from "./ports/blob-access.ts";
import type { Clock } from "./ports/clock.ts";
import type { LogStore } from "./ports/log-store.ts";
import type { SecretStore } from "./ports/secret-store.ts";
import type { TaskQueue } from "./ports/task-queue.ts";
import type { Control } from "../proto/control.ts";
import type { RunId } from "../proto/ids.ts";
import type { SweepableStore } from "../sdk/artifact/sweepable.ts";
import type { WorkerStream, WorkerStreamEvents } from "../sdk/wire/worker-stream.ts";
import { Access, type AccessOptions } from "./api/access/access.ts";
import { CoordinatorControl } from "./api/control.ts";
import type { GrpcServer, Listen, ServerPorts } from "./api/grpc-server.ts";
import { listenLate } from "./api/late-server.ts";
import { launchTokens } from "./api/access/launch-tokens.ts";
import { linkWorker } from "./api/worker-link.ts";
import { Health, type Probes } from "./api/health.ts";
import type { Observed } from "./api/shell-metrics.ts";
import type { Traffic } from "./api/traffic.ts";
import type { Principal } from "./api/access/principal.ts";
import { Backlog } from "./shell/backlog.ts";
import { Dispatcher } from "./shell/dispatcher.ts";
import { Grants } from "./shell/grants.ts";
import { Drivers, OwnedElsewhere, type DriversEvents } from "./shell/drivers.ts";
import { Leases } from "./shell/leases.ts";
import { LogIntake } from "./shell/log-intake.ts";
import { errorField, type CoordinatorLog } from "./shell/log.ts";
import { observedBy, type Observer } from "./shell/observer.ts";
import { Launching, type LaunchingTerms } from "./shell/launching/launching.ts";
import { RunHistory } from "./shell/run-history.ts";
import { RunLog } from "./shell/run-log.ts";
import { Workers } from "./shell/workers.ts";

export type CoordinatorOptions = {
  readonly ledger: Ledger;
  readonly queue: TaskQueue;
  readonly logs: LogStore;
  readonly clock: Clock;
  readonly log: CoordinatorLog;
  /** `address` may be left empty: it becomes the one that is listened at. */
  readonly owner: Owner;
  /** Null: no worker can connect, and nobody can ask but through `control`. */
  readonly listen: Listen | null;
  /** How workers and clients elsewhere come by blobs; null where all have the folder. */
  readonly blobs?: BlobAccess | null;
  /** What garbage is collected from; null where the artifacts are somebody else's. */
  readonly sweep?: SweepableStore | null;
  /** Where the values of secret parameters are kept; null: runs that have some are refused. */
  readonly secrets?: SecretStore | null;
  /** Who is let in; null: whoever can connect may do everything, as with a socket of one's own. */
  readonly access?: Pick<AccessOptions, "tokens" | "audit" | "issueCertificate"> | null;
  /** Who launches workers for steps with `@batch`; null where they run on whatever workers there are. `address`: that is listened at. */
  readonly launching?: ((address: string) => LaunchingTerms) | null;
  /** Shown to workers. */
  readonly version: string;
  /** Takes up every unfinished run that nobody drives before it listens. */
  readonly adoptUnfinished: boolean;
  /** How long the workers of a coordinator that died may come back to what they hold; 0 where they died with it. */
  readonly adoptGraceMs: number;
  /** A worker that is silent for so long has lost what it holds. */
  readonly leaseMs?: number;
  /** How often a worker is to say what it holds. */
  readonly beatMs?: number;
  /** Counts what happens. */
  readonly metrics?: (Observer & { attach(observed: Observed): void }) | null;
  /** How ledger and store are looked at; without, nobody asks. */
  readonly probes?: Probes;
};

export interface Coordinator {
  readonly control: Control;
  /** For workers and clients; empty where it doesn't listen. */
  readonly address: string;
  /** Drives the run from now on. @throws OwnedElsewhere, LedgerError */
  adopt(run: RunId): Promise<void>;
  /** Who asks with this header `authorization`. @throws ControlError unauthenticated */
  identify(authorization: string | undefined, from: string): Promise<Principal>;
  /** Opens the end of a worker in this process. */
  link(events: WorkerStreamEvents): WorkerStream;
  /** Assigns no more, makes everything decided durable, gives its runs back, and ends all streams. The ports stay open. */
  close(): Promise<void>;
}

const defaultLeaseMs = 10_000;
const defaultBeatMs = 2000;
const adoptPageRuns = 100;

export async function startCoordinator(options: CoordinatorOptions): Promise<Coordinator> {
  const ready = Promise.withResolvers<ServerPorts>();
  const server = options.listen === null ? null : await listen(options.listen, ready.promise);
  try {
    const owner: Owner = { ...options.owner, address: server?.address ?? options.owner.address };
    return await assemble({ ...options, owner }, server, ready.resolve);
  } catch (error) {
    await server?.close();
    throw error;
  }
}

async function assemble(options: CoordinatorOptions, server: GrpcServer | null, ready: (ports: ServerPorts) => void): Promise<Coordinator> {
  const { ledger, clock, logs, log } = options;
  const history = new RunHistory(ledger);
  const shell = startShell(options, history);
  const { drivers, dispatcher, leases } = shell;
  const health = new Health({ clock, queue: options.queue, probes: options.probes ?? {} });
  const traffic: Traffic = { follows: 0, onAnswered: () => undefined };
  const launching = launchingOf(options, shell, server?.address ?? "");
  options.metrics?.attach({ ...shell, queue: options.queue, clock, traffic, launching });
  const control = controlOf(options, shell, { history, health, launching });
  if (options.adoptUnfinished) await adoptUnfinished(ledger, drivers, log);
  await launching?.open();
  const ports: ServerPorts = {
    ...shell,
    ...timesOf(options),
    clock,
    log,
    control,
    health,
    traffic,
    claims: launching,
    version: options.version,
    audit: options.access?.audit ?? noAudit,
    access: accessOf(options),
    unfinishedRuns: async (of) => (await ledger.list({ ...of, status: unfinishedStatuses, limit: 0 })).total ?? 0,
    isSubmitted: async (key) => (await ledger.submitted(key)) !== null,
    namespaceOf: (run) => namespaceOf(run, drivers, history),
  };
  leases.opened();
  ready(ports);
  return {
    control,
    address: server?.address ?? "",
    adopt: (run) => drivers.adopt(run),
    link: (events) => linkWorker(ports, events),
    identify: (authorization, from) => ports.access.identify(authorization, from),
    close: async () => {
      health.close();
      await launching?.close();
      dispatcher.close();
      leases.close();
      await drivers.close();
      for (const { line } of shell.workers.all()) line?.end("the coordinator has closed");
      await server?.close();
      await logs.flush();
    },
  };
}

type Beside = { readonly history: RunHistory; readonly health: Health; readonly launching: Launching | null };

function controlOf(options: CoordinatorOptions, shell: Shell, { history, health, launching }: Beside): CoordinatorControl {
  const { queue, log, ledger, clock, logs, owner } = options;
  return new CoordinatorControl({
    ...shell,
    queue,
    log,
    ledger,
    clock,
    logs,
    history,
    owner,
    openControl,
    health,
    access: options.blobs ?? null,
    sweep: options.sweep ?? null,
    secrets: options.secrets ?? null,
    placement: launching === null ? null : "batch",
    launches: launching,
  });
}

function timesOf(options: CoordinatorOptions): { readonly leaseMs: number; readonly beatMs: number } {
  return { leaseMs: options.leaseMs ?? defaultLeaseMs, beatMs: options.beatMs ?? defaultBeatMs };
}

type Shell = {
  readonly drivers: Drivers;
  readonly dispatcher: Dispatcher;
  readonly leases: Leases;
  readonly workers: Workers;
  readonly backlog: Backlog;
  readonly intake: LogIntake;
  readonly grants: Grants;
};

function startShell(options: CoordinatorOptions, history: RunHistory): Shell {
  const { ledger, clock, log, owner, queue, logs, adoptGraceMs } = options;
  const workers = new Workers();
  const backlog = new Backlog(workers);
  const intake = new LogIntake(logs);
  // The dispatcher and the leases need the drivers, whose events are for them.
  const events: DriversEvents = {
    onReady: (driver) => dispatcher.publishSoon(driver),
    onStopWanted: (driver, effect) => leases.stop(driver, effect),
    onAdopted: (driver) => leases.adopted(driver),
    onEnded: (driver, again) => leases.driverEnded(driver, again),
    onTakenUpAgain: () => leases.askAgain(),
  };
  const { metrics = null } = options;
  const observer = observedBy([new RunLog(log), ...(metrics === null ? [] : [metrics])]);
  const drivers = new Drivers(
    { ledger, clock, log, owner, history, backlog, observer, secrets: options.secrets ?? null, flushLogs: () => logs.flush() },
    events,
  );
  const times = timesOf(options);
  const dispatcher = new Dispatcher({ queue, clock, log, workers, backlog, drivers, observer, beatMs: times.beatMs });
  const leases = new Leases({
    ...times,
    clock,
    log,
    workers,
    drivers,
    intake,
    concurrency: backlog.concurrency,
    adoptGraceMs,
    onRoom: (driver) => dispatcher.publishSoon(driver),
  });
  const grants = new Grants({ leases, log, clock, access: options.blobs ?? null, audit: options.access?.audit ?? noAudit });
  return { drivers, dispatcher, leases, workers, backlog, intake, grants };
}

function launchingOf(
  { launching, access, clock, log }: CoordinatorOptions,
  { workers, drivers }: Shell,
  address: string,
): Launching | null {
  if (launching === undefined || launching === null) return null;
  return new Launching({ terms: launching(address), tokens: launchTokens(access?.tokens ?? null), clock, log, workers, drivers });
}

/** Before anything is claimed: the claims say where this process is reached. */
async function listen(at: Listen, ready: Promise<ServerPorts>): Promise<GrpcServer> {
  if ("path" in at) return listenLate(at.path, ready);
  const { startGrpcServer } = await import("./api/grpc-server.ts");
  return startGrpcServer(at, ready);
}

async function openControl(address: string) {
  const { connectControl } = await import("../sdk/wire/control-client.ts");
  return connectControl({ address });
}

/** Where everybody is let in, who did what says nothing. */
const noAudit: AuditTrail = { record: () => undefined, close: () => Promise.resolve() };

function accessOf({ clock, access }: CoordinatorOptions): Access {
  return new Access({ tokens: null, issueCertificate: null, audit: noAudit, ...access, clock });
}

/** Null where there is no such run. */
async function namespaceOf(run: RunId, drivers: Drivers, history: RunHistory): Promise<string | null> {
  const driven = drivers.get(run);
  if (driven !== undefined) return driven.state.submitted.context.namespace;
  try {
    return (await history.read(run)).submitted.context.namespace;
  } catch (error) {
    if (error instanceof LedgerError && error.problem === "notFound") return null;
    throw error;
  }
}

async function adoptUnfinished(ledger: Ledger, drivers: Drivers, log: CoordinatorLog): Promise<void> {
  let cursor: string | null = null;
  do {
    const page: Awaited<ReturnType<Ledger["list"]>> = await ledger.list({
      status: unfinishedStatuses,
      limit: adoptPageRuns,
      ...(cursor !== null && { cursor }),
    });
    for (const { run } of page.items) {
      try {
        await drivers.adopt(run);
      } catch (error) {
        if (error instanceof OwnedElsewhere) continue;
        // One damaged run must not keep the others from going on.
        log.error({ event: "run.notAdopted", run_id: run, err: errorField(error) }, "an unfinished run cannot be taken up");
      }
    }
    cursor = page.next;
  } while (cursor !== null);
}
