// A coordinator in a process of its own, to be forked and killed: FOLDER, PORT (0: any), "tls" or "plain". It says where it
// listens as soon as it does.

import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { join } from "node:path";
import { FileLogStore } from "../../coordinator/adapters/file-log-store.ts";
import { MemoryTaskQueue } from "../../coordinator/adapters/memory-task-queue.ts";
import { SqliteLedger } from "../../coordinator/adapters/sqlite-ledger.ts";
import { SystemClock } from "../../coordinator/adapters/system-clock.ts";
import { openAuthority } from "../../coordinator/adapters/tls/authority.ts";
import { startCoordinator } from "../../coordinator/main.ts";

/** What `stepwell coordinator` gives the workers of one that died. Milliseconds. */
const adoptGraceMs = 20_000;

const [folder = "", port = "0", tls = "plain"] = process.argv.slice(2);
const clock = new SystemClock();
const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: console.error };
const names = { folder: join(folder, "tls"), names: [], nowMs: Date.now(), clientCertificates: false };
const authority = tls === "tls" ? openAuthority(names) : null;
const coordinator = await startCoordinator({
  ledger: new SqliteLedger(join(folder, "ledger.db")),
  queue: new MemoryTaskQueue({ clock, ackWaitMs: 30_000 }),
  logs: new FileLogStore({ root: join(folder, "logs"), onDropped: console.error }),
  clock,
  log,
  owner: { id: randomUUID(), pid: process.pid, host: hostname(), address: "" },
  listen: { host: "127.0.0.1", port: Number(port), tls: authority?.server ?? null },
  version: "test",
  adoptUnfinished: true,
  adoptGraceMs,
});
process.send?.({ address: coordinator.address, ca: authority?.ca ?? "" });
