// A coordinator of a cluster in this process: its folder, its queue, its store, and where it listens.

import { mkdir, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { FileLogStore } from "../../coordinator/adapters/file-log-store.ts";
import { MemoryTaskQueue } from "../../coordinator/adapters/memory-task-queue.ts";
import { SqliteLedger } from "../../coordinator/adapters/sqlite-ledger.ts";
import { SystemClock } from "../../coordinator/adapters/system-clock.ts";
import { startCoordinator } from "../../coordinator/main.ts";
import type { BlobAccess } from "../../coordinator/ports/blob-access.ts";
import type { Clock } from "../../coordinator/ports/clock.ts";
import type { TaskQueue } from "../../coordinator/ports/task-queue.ts";
import type { CoordinatorLog } from "../../coordinator/shell/log.ts";
import { parseAddress } from "../../sdk/wire/address.ts";
import { CliError } from "../cli-error.ts";
import type { Settings } from "../settings.ts";
import type { Environment } from "../terminal.ts";
import { openDataFolder, type DataFolder } from "./data-folder.ts";

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
/** Workers of a coordinator that died come back within this time, or have lost what they held. Milliseconds. */
const adoptGraceMs = 10_000;

type Address = { readonly host: string; readonly port: number };

/** @throws CliError, LedgerError */
export async function serve(options: ServeOptions): Promise<Serving> {
  const { settings } = options;
  const listen = addressOf(settings.listen, "--listen");
  const folder = openDataFolder(settings.data);
  try {
    return await serveFrom(folder, listen, options);
  } catch (error) {
    folder.release();
    throw error;
  }
}

async function serveFrom(folder: DataFolder, listen: Address, options: ServeOptions): Promise<Serving> {
  const { version, log } = options;
  const clock = new SystemClock();
  const ledger = new SqliteLedger(join(folder.path, "ledger.db"));
  const logs = new FileLogStore({
    root: join(folder.path, "logs"),
    onDropped: (message) => log.warn({ event: "logs.dropped" }, message),
  });
  const queue = await openQueue(folder, clock, options);
  const close = async (): Promise<void> => {
    await queue.close();
    await logs.close();
    await ledger.close();
    folder.release();
  };
  try {
    const coordinator = await startCoordinator({
      ledger,
      logs,
      clock,
      log,
      queue,
      // D2 of data-folder.ts: what this folder's coordinator had claimed, it has still.
      owner: { id: folder.identity, pid: process.pid, host: hostname(), address: "" },
      listen,
      blobs: await filesOf(folder),
      version,
      adoptUnfinished: true,
      adoptGraceMs,
    });
    const { address } = coordinator;
    folder.describe({
      pid: process.pid,
      host: hostname(),
      address,
      http: "",
      fingerprint: null,
      tokenFile: null,
      startedAt: new Date().toISOString(),
    });
    log.info({ event: "coordinator.listening", address, http: "", data: folder.path }, "the coordinator is ready");
    return {
      address,
      http: "",
      close: async () => {
        await coordinator.close();
        await close();
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The folder, for those who have it too. */
async function filesOf(folder: DataFolder): Promise<BlobAccess> {
  const root = join(folder.path, "artifacts");
  await mkdir(root, { recursive: true });
  await writeFile(join(root, "mark"), `${folder.identity}\n`);
  return {
    places: [{ kind: "files", root, mark: folder.identity }],
    sign: () => Promise.reject(new Error("this coordinator grants no blobs")),
    piecesOf: () => Promise.resolve(new Set()),
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

/** @throws CliError badValue */
function addressOf(text: string, option: string): Address {
  const address = parseAddress(text);
  if (address.kind === "tcp") return address;
  throw new CliError("badValue", `${option} is a host and a port like 127.0.0.1:7420, not "${text}"`);
}
