// A Ceph of one monitor, one storage daemon that keeps everything in memory, and its S3 gateway, on this machine. Debian has
// the programs; who is root there gets them installed.

import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { testCredentials } from "../aws/signature.ts";

const packages = ["radosgw", "ceph-mon", "ceph-osd", "ceph-common"];
const answersWithinMs = 60_000;

/** Why there can be no Ceph here; null where there can. */
export function whyNoCeph(): string | null {
  if (process.platform !== "linux" || !existsSync("/etc/debian_version")) return "Ceph is installed from Debian's packages only";
  if (process.getuid?.() !== 0) return "Ceph's daemons are started as root only";
  if (packages.every((name) => spawnSync("dpkg", ["-s", name]).status === 0)) return null;
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  spawnSync("apt-get", ["update", "-qq"], { env });
  const installed = spawnSync("apt-get", ["install", "-y", "-qq", "--no-install-recommends", ...packages], { env, encoding: "utf8" });
  return installed.status === 0 ? null : `Ceph could not be installed: ${installed.stderr.trim().split("\n").at(-1) ?? ""}`;
}

export class Ceph implements AsyncDisposable {
  readonly url: string;
  readonly #folder: string;

  private constructor(url: string, folder: string) {
    this.url = url;
    this.#folder = folder;
  }

  /** Now and then a daemon does not come up at the first try. */
  static async start(): Promise<Ceph> {
    try {
      return await Ceph.#start();
    } catch {
      return Ceph.#start();
    }
  }

  static async #start(): Promise<Ceph> {
    const folder = mkdtempSync(join(tmpdir(), "stepwell-ceph-"));
    const [port, monitorPort] = [await freePort(), await freePort()];
    const ceph = new Ceph(`http://127.0.0.1:${port}`, folder);
    try {
      ceph.#configure(port, monitorPort);
      await ceph.#startDaemons(monitorPort);
      return ceph;
    } catch (error) {
      await ceph[Symbol.asyncDispose]();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const run = join(this.#folder, "run");
    const pids = existsSync(run)
      ? readdirSync(run)
          .filter((name) => name.endsWith(".pid"))
          .map((name) => Number(readFileSync(join(run, name), "utf8")))
      : [];
    for (const signal of ["SIGTERM", "SIGKILL"] as const) {
      for (const pid of pids) if (isAlive(pid)) process.kill(pid, signal);
      for (let waits = 0; waits < 50 && pids.some(isAlive); waits += 1) await sleep(100);
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #configure(port: number, monitorPort: number): void {
    for (const name of ["mon", "osd", "run", "log", "rgw"]) mkdirSync(join(this.#folder, name));
    const at = this.#folder;
    const sections: Readonly<Record<string, Readonly<Record<string, string | number | boolean>>>> = {
      global: {
        fsid: readFileSync("/proc/sys/kernel/random/uuid", "utf8").trim(),
        "mon host": `v1:127.0.0.1:${monitorPort}/0`,
        "public addr": "127.0.0.1",
        "auth cluster required": "none",
        "auth service required": "none",
        "auth client required": "none",
        "run dir": join(at, "run"),
        "admin socket": join(at, "run", "$name.asok"),
        "pid file": join(at, "run", "$name.pid"),
        "log file": join(at, "log", "$name.log"),
        "mon cluster log file": join(at, "log", "cluster.log"),
        "crash dir": join(at, "run"),
        "osd crush chooseleaf type": 0,
        "osd pool default size": 1,
        "osd pool default min size": 1,
        "osd pool default pg num": 4,
        "osd pool default pgp num": 4,
        "osd pool default pg autoscale mode": "off",
        "mon allow pool size one": true,
        "mon osd min in ratio": 0,
        "mon data avail crit": 1,
        "mon data avail warn": 1,
        "mon max pg per osd": 1000,
        "osd failsafe full ratio": 0.99,
      },
      "mon.a": { "mon data": join(at, "mon") },
      "osd.0": {
        "osd data": join(at, "osd"),
        "osd objectstore": "memstore",
        "memstore device bytes": 4 * 1024 ** 3,
        "osd op num shards": 2,
      },
      "client.rgw.a": { "rgw frontends": `beast endpoint=127.0.0.1:${port}`, "rgw data": join(at, "rgw"), "rgw enable usage log": false },
    };
    const lines = Object.entries(sections).flatMap(([name, settings]) => [
      `[${name}]`,
      ...Object.entries(settings).map(([key, value]) => `${key} = ${value}`),
    ]);
    writeFileSync(this.#configuration, `${lines.join("\n")}\n`);
  }

  async #startDaemons(monitorPort: number): Promise<void> {
    const asRoot = ["--setuser", "root", "--setgroup", "root"];
    const map = join(this.#folder, "monmap");
    const fsid = /^fsid = (.*)$/m.exec(readFileSync(this.#configuration, "utf8"))?.[1] ?? "";
    run("monmaptool", ["--create", "--fsid", fsid, "--addv", "a", `[v1:127.0.0.1:${monitorPort}]`, map]);
    this.#run("ceph-mon", ["--mkfs", "-i", "a", "--monmap", map, ...asRoot]);
    this.#run("ceph-mon", ["-i", "a", ...asRoot]);
    const uuid = readFileSync("/proc/sys/kernel/random/uuid", "utf8").trim();
    this.#run("ceph", ["osd", "new", uuid]);
    this.#run("ceph-osd", ["-i", "0", "--mkfs", "--osd-uuid", uuid, ...asRoot]);
    this.#run("ceph", ["osd", "crush", "add", "osd.0", "1.0", "root=default"]);
    this.#run("ceph-osd", ["-i", "0", ...asRoot]);
    await within(answersWithinMs, () => this.#run("ceph", ["osd", "stat"]).includes("1 up"));
    const { accessKeyId, secretAccessKey } = testCredentials;
    const user = ["--uid=test", "--display-name=test", `--access-key=${accessKeyId}`, `--secret=${secretAccessKey}`];
    this.#run("radosgw-admin", ["-n", "client.rgw.a", "user", "create", ...user]);
    this.#run("radosgw", ["-n", "client.rgw.a", ...asRoot]);
    await within(answersWithinMs, async () => (await fetch(this.url).catch(() => null)) !== null);
  }

  get #configuration(): string {
    return join(this.#folder, "ceph.conf");
  }

  #run(program: string, words: readonly string[]): string {
    return run(program, ["-c", this.#configuration, ...words]);
  }
}

function run(program: string, words: readonly string[]): string {
  // Daemons keep what they inherit open, so that a pipe would never end.
  const folder = mkdtempSync(join(tmpdir(), "stepwell-output-"));
  const output = join(folder, "output");
  const done = spawnSync("sh", ["-c", `"$0" "$@" >"${output}" 2>&1`, program, ...words], { timeout: 120_000 });
  const text = readFileSync(output, "utf8");
  rmSync(folder, { recursive: true });
  if (done.status !== 0) throw new Error(`${program} ${words.join(" ")}: ${text.slice(-2000)}`);
  return text;
}

async function within(ms: number, isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (const untilMs = performance.now() + ms; performance.now() < untilMs; await sleep(200)) if (await isSo()) return;
  throw new Error(`Ceph was not ready within ${ms / 1000} s`);
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port is free");
  return address.port;
}

function isAlive(pid: number): boolean {
  return existsSync(`/proc/${pid}`);
}
