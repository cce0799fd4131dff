// A worker of this machine: offers slots to a coordinator and runs what it is assigned in task processes.

import { randomUUID } from "node:crypto";
import { mkdirSync, rmSync } from "node:fs";
import { availableParallelism, hostname, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import type { LaunchClaim } from "../proto/launch.ts";
import { parseAddress } from "../sdk/wire/address.ts";
import type { Endpoint } from "../sdk/wire/endpoint.ts";
import { protocolVersions, type Hello } from "../sdk/wire/worker-items.ts";
import { SpawnedTaskProcesses, type TaskStorage } from "./adapters/task-process/spawned.ts";
import type { WorkerLog } from "./ports/log.ts";
import { WorkerBlobs, type OpenPlace } from "./shell/blobs/worker-blobs.ts";
import { loadMeter } from "./adapters/machine-load.ts";
import { Agent, type Lost, type OpenStream } from "./shell/agent.ts";
import { ProcessPool } from "./shell/process-pool.ts";
import type { WorkerFigures } from "./shell/worker-metrics.ts";

export type WorkerOptions = {
  /** Where it is and how one is let in; or, for one in this process, what opens a stream to it as soon as it can. */
  readonly coordinator: Endpoint | Promise<OpenStream>;
  /** Tasks at the same time. */
  readonly slots: number;
  /** Names the worker for its coordinator and for people; no two workers have the same. */
  readonly id: string;
  readonly version: string;
  /** Where code packages and artifacts are: in a folder that the coordinator has too, or where it says, by way of a cache. */
  readonly store: WorkerStore;
  /** `process`: every task in a fresh process, whatever its order says. */
  readonly isolation: "warm" | "process";
  readonly labels: Readonly<Record<string, string>>;
  /** What tasks may ask for: what is left out is what the machine has. `unbounded` takes any, whatever it asks for. */
  readonly offer?: WorkerOffer | "unbounded";
  /** Takes work of these runs only; empty means any. */
  readonly runs: readonly string[];
  /** Where it was launched: of which launch it is which worker. */
  readonly launch?: LaunchClaim;
  readonly log: WorkerLog;
  /** For temporary files, made for this worker alone and removed with it, also when it is killed; one in the system's folder by default. */
  readonly folder?: string;
  /** How long the coordinator may be away before the worker ends what it runs and gives up. Milliseconds; a minute by default. */
  readonly awayMsMax?: number;
  /** It waits for its coordinator for longer than that, as long as it holds nothing. */
  readonly lasting?: boolean;
};

export type WorkerStore =
  | { readonly kind: "files"; readonly root: string }
  /** `root` is for the caches of this machine's workers, which find what earlier ones left there. */
  | { readonly kind: "cache"; readonly root: string; readonly bytesMax: number };

export type WorkerOffer = {
  /** Of the workers that take the same kind of tasks. */
  readonly pool?: string;
  readonly cpu?: number;
  readonly memoryMiB?: number;
  readonly gpu?: number;
};

export interface Worker {
  readonly id: string;
  /** Settles with the reason when the worker has given up its coordinator. It has ended everything by then. */
  readonly lost: Promise<Lost>;
  /** Resolves when the coordinator has sent the worker away, and everything that ran has ended and been accepted. */
  readonly sentAway: Promise<void>;
  /**
   * Takes nothing more; resolves when all that runs has ended and been accepted. What still runs after `withinMs` is stopped
   * and goes back to the coordinator, at nobody's expense.
   */
  drain(withinMs?: number): Promise<void>;
  /** How it is at this moment. */
  figures(): WorkerFigures;
  /** Ends everything; what ran is not reported. Resolves when no process and no file is left. */
  stop(): Promise<void>;
  /** Like `stop`, for a process that ends with this call: kills all task processes before it returns. */
  kill(): void;
}

const awayMsMaxDefault = 60_000;
const mebibyte = 1024 * 1024;

/**
 * Returns at once; the first task process and the connection are on their way.
 * @throws AddressError
 */
export function startWorker(options: WorkerOptions): Worker {
  const { coordinator } = options;
  if ("address" in coordinator) parseAddress(coordinator.address);
  const opening = "address" in coordinator ? openerFor(coordinator) : coordinator;
  const marker = `${options.id.replaceAll(/[^A-Za-z0-9]/g, "-")}-${randomUUID().slice(0, 8)}`;
  const tempRoot = options.folder ?? join(tmpdir(), `stepwell-${marker}`);
  const { blobs, storage } = blobsOf(options);
  const processes = new SpawnedTaskProcesses({ marker, storage, tempRoot });
  const pool = new ProcessPool({ processes, slots: options.slots });
  // Before anything else: starting it takes longer than connecting does.
  if (blobs === null) pool.prewarm(options.isolation === "process" ? "once" : "warm");
  processes.guardFolder();
  mkdirSync(tempRoot, { recursive: true, mode: 0o700 });
  const agent = new Agent({
    hello: {
      worker: options.id,
      host: hostname(),
      pid: process.pid,
      version: options.version,
      protocol: protocolVersions.newest,
      oldestProtocol: protocolVersions.oldest,
      slots: options.slots,
      ...offerOf(options),
      labels: options.labels,
      runs: options.runs,
      ...(options.launch !== undefined && { launch: options.launch }),
    },
    pool,
    load: loadMeter(),
    blobs,
    log: options.log,
    isolated: options.isolation === "process",
    awayMsMax: options.awayMsMax ?? awayMsMaxDefault,
    lasting: options.lasting ?? false,
  });
  opening.then(
    (openStream) => agent.start(openStream),
    // Whoever waits for the coordinator as well says why there is none, and stops this worker.
    () => undefined,
  );
  return {
    id: options.id,
    lost: agent.lost,
    sentAway: agent.sentAway,
    figures: () => agent.figures,
    drain: (withinMs) => agent.drain(withinMs ?? null),
    stop: () => agent.stop(),
    kill: () => {
      processes.kill();
      rmSync(tempRoot, { recursive: true, force: true });
    },
  };
}

function offerOf({ offer = {} }: WorkerOptions): Pick<Hello, "pool" | "cpu" | "memoryMiB" | "gpu" | "unbounded"> {
  const { pool = "", cpu, memoryMiB, gpu = 0 } = offer === "unbounded" ? {} : offer;
  return {
    pool,
    cpu: cpu ?? availableParallelism(),
    memoryMiB: memoryMiB ?? Math.floor(totalmem() / mebibyte),
    gpu,
    unbounded: offer === "unbounded",
  };
}

function blobsOf({ store, coordinator, log }: WorkerOptions): { blobs: WorkerBlobs | null; storage: () => TaskStorage } {
  if (store.kind === "files") return { blobs: null, storage: () => ({ root: store.root, access: "files", hidden: [] }) };
  const open: OpenPlace = async (place) => {
    if (!("address" in coordinator)) throw new Error("a worker in the coordinator's own process has its folder");
    const { openPlace } = await import("../sdk/artifact/blob-place.ts");
    return openPlace(place, coordinator);
  };
  const blobs = new WorkerBlobs({ root: store.root, bytesMax: store.bytesMax, open, log });
  return { blobs, storage: () => blobs.storage() };
}

/** Loads gRPC while the first task process starts. */
async function openerFor(endpoint: Endpoint): Promise<OpenStream> {
  const { openWorkerStream } = await import("../sdk/wire/worker-stream.ts");
  return (events) => openWorkerStream(endpoint, events);
}
