// The servers that systems need: each on loopback, with an empty data folder and every sync that its durability promises.

import type { ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, chownSync, existsSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { complete, startServer } from "./processes.ts";
import type { ServerKind } from "./systems.ts";

export type Server = { readonly address: string; readonly adminAddress: string; readonly process: ChildProcess | null };

const packages = { "redis-server": "redis-server", initdb: "postgresql" } as const;
/** While it is there, Debian's packages start no service of their own, which would take time from what is measured. */
const noServices = "/usr/sbin/policy-rc.d";
const healthTriesMax = 100;

/** Installs what the server needs where that can be done. @returns why the server can't be had, or null */
export async function missing(kind: ServerKind): Promise<string | null> {
  const command = kind.startsWith("redis") ? "redis-server" : kind === "postgres" ? "initdb" : null;
  if (command === null || find(command) !== null) return null;
  const wanted = packages[command];
  const hint = `there is no ${command} on the PATH: install ${wanted} (Debian's package)`;
  if (process.getuid?.() !== 0 || !existsSync("/etc/debian_version")) return hint;
  const added = !existsSync(noServices);
  if (added) writeFileSync(noServices, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  try {
    await complete("apt-get", ["update", "-qq"]);
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
    await complete("apt-get", ["install", "-y", "-qq", "--no-install-recommends", wanted], { env });
  } catch (error) {
    return `${hint}; ${String(error)}`;
  } finally {
    if (added) rmSync(noServices);
  }
  return find(command) === null ? hint : null;
}

export async function start(kind: ServerKind, folder: string): Promise<Server> {
  switch (kind) {
    case "none":
      return { address: "", adminAddress: "", process: null };
    case "redis, always":
      return startRedis(folder, "always");
    case "redis, everysec":
      return startRedis(folder, "everysec");
    case "postgres":
      return startPostgres(folder);
    case "restate":
      return startRestate(folder);
    default:
      return unknownKind(kind);
  }
}

async function startRedis(folder: string, synced: "always" | "everysec"): Promise<Server> {
  const port = await freePort();
  const password = newPassword();
  const settings = [
    `bind 127.0.0.1`,
    `port ${port}`,
    `dir "${folder}"`,
    `requirepass ${password}`,
    `appendonly yes`,
    `appendfsync ${synced}`,
    `maxmemory-policy noeviction`,
  ];
  const process = await startServer({
    command: find("redis-server") ?? "redis-server",
    args: ["-"],
    input: settings.join("\n"),
    ready: /Ready to accept connections/,
    signal: "SIGTERM",
  });
  return { address: `redis://:${password}@127.0.0.1:${port}`, adminAddress: "", process };
}

/** As it is set up by default: synced, and not tuned. */
async function startPostgres(folder: string): Promise<Server> {
  const port = await freePort();
  const password = newPassword();
  const data = join(folder, "data");
  const passwordFile = join(folder, "password");
  writeFileSync(passwordFile, password, { mode: 0o600 });
  const owner = await ownerOfPostgres();
  if (owner !== null) {
    chmodSync(folder, 0o755);
    for (const path of [folder, passwordFile]) chownSync(path, owner.uid, owner.gid);
  }
  const options = { cwd: folder, ...owner };
  const set = ["-D", data, "-U", "bench", "-A", "scram-sha-256", "--pwfile", passwordFile, "-E", "UTF8", "--no-locale", "--no-sync"];
  await complete(find("initdb") ?? "initdb", set, options);
  const process = await startServer({
    command: find("postgres") ?? "postgres",
    args: ["-D", data, "-h", "127.0.0.1", "-p", `${port}`, "-k", folder],
    ready: /ready to accept connections/,
    signal: "SIGINT",
    options,
  });
  return { address: `postgres://bench:${password}@127.0.0.1:${port}/postgres`, adminAddress: "", process };
}

/** It refuses to run as root. */
async function ownerOfPostgres(): Promise<{ readonly uid: number; readonly gid: number } | null> {
  if (process.getuid?.() !== 0) return null;
  return { uid: Number(await complete("id", ["-u", "postgres"])), gid: Number(await complete("id", ["-g", "postgres"])) };
}

async function startRestate(folder: string): Promise<Server> {
  const [ingress, admin, node] = [await freePort(), await freePort(), await freePort()];
  const binary = `@restatedev/restate-server-${process.platform}-${process.arch}/bin/restate-server`;
  const child = await startServer({
    command: join(import.meta.dirname, "node_modules", binary),
    args: ["--base-dir", folder, "--node-name", "bench", "--no-logo", "--listen-mode", "tcp", "--bind-ip", "127.0.0.1"],
    ready: /Admin API starting/,
    signal: "SIGTERM",
    options: {
      env: {
        ...process.env,
        RESTATE_DISABLE_TELEMETRY: "true",
        DO_NOT_TRACK: "1",
        RESTATE_BIND_PORT: `${node}`,
        RESTATE_INGRESS__BIND_PORT: `${ingress}`,
        RESTATE_ADMIN__BIND_PORT: `${admin}`,
      },
    },
  });
  const adminAddress = `http://127.0.0.1:${admin}`;
  for (let tries = 0; !(await isHealthy(adminAddress)); tries += 1) {
    if (tries === healthTriesMax) throw new Error(`Restate does not answer on ${adminAddress}`);
    await sleep(100);
  }
  return { address: `http://127.0.0.1:${ingress}`, adminAddress, process: child };
}

async function isHealthy(address: string): Promise<boolean> {
  return fetch(`${address}/health`).then(
    ({ ok }) => ok,
    () => false,
  );
}

/** On the PATH, or where Debian keeps the programs of its PostgreSQL. */
function find(command: string): string | null {
  const debian = "/usr/lib/postgresql";
  const versions = existsSync(debian) ? readdirSync(debian).map((version) => join(debian, version, "bin")) : [];
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), ...versions];
  return folders.map((folder) => join(folder, command)).find((path) => existsSync(path)) ?? null;
}

/** Somebody else may take it before the server does; then the server says so. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const bound = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (bound === null || typeof bound === "string") throw new Error("a port of loopback could not be bound");
  return bound.port;
}

function newPassword(): string {
  return randomBytes(16).toString("hex");
}

function unknownKind(kind: never): never {
  throw new Error(`no such server: ${String(kind)}`);
}
