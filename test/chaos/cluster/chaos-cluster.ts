// A whole cluster of processes to be disturbed: nats-server, an S3 server, a coordinator and workers of the built command, each in
// a place of its own on the network where there is one.

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openRemote, type Remote } from "../../../cli/cluster/remote.ts";
import { readServed } from "../../../cli/cluster/data-folder.ts";
import { exitCodes } from "../../../cli/cli-error.ts";
import { ControlError } from "../../../proto/control.ts";
import { ArtifactStoreError } from "../../../sdk/artifact/store.ts";
import { cleanEnvironment, processesOf } from "../../command.ts";
import { freePort, NatsServer } from "../../cluster/nats-server.ts";
import { S3Process } from "../../s3-server/process.ts";
import { testCredentials } from "../../aws/signature.ts";
import { pause } from "../started.ts";
import { Member } from "./member.ts";
import { Network, type Place } from "./network.ts";
import { chaosFlow } from "./workload.ts";

export type ClusterShape = {
  readonly queue: "nats" | "memory";
  readonly store: "presigned" | "role" | "folder";
  readonly workers: number;
  readonly slots: number;
  readonly isolation: "warm" | "process";
  /** Of each worker's artifacts. */
  readonly cacheMiB: number;
  /** Of libuv: for files, names, compression. */
  readonly threads: number;
  readonly isNetworked: boolean;
  /** The command of an earlier version, with which the coordinator and some workers begin. */
  readonly older?: string;
};

/** How long anything that must happen may take when no fault is left. No verdict depends on less. Milliseconds. */
const patienceMs = 180_000;

export class ChaosCluster {
  readonly shape: ClusterShape;
  readonly folder: string;
  readonly network: Network | null;
  readonly coordinator: Member;
  readonly workers: readonly Member[];
  readonly nats: NatsServer | null;
  readonly s3: S3Process | null;
  /** What ended by itself. */
  readonly deaths: string[] = [];
  readonly #port: number;
  readonly #host: string;
  #remote: Remote | null = null;
  #known: string | null = null;
  readonly #killAtExit = (): void => {
    for (const pid of processesOf(this.folder)) tryKill(Number(pid));
    this.remove();
  };

  private constructor(folder: string, shape: ClusterShape, parts: Parts) {
    this.shape = shape;
    this.folder = folder;
    this.network = parts.network;
    this.nats = parts.nats;
    this.s3 = parts.s3;
    this.#port = parts.port;
    this.#host = parts.places[0]?.address ?? "127.0.0.1";
    this.coordinator = this.#coordinator(parts.places[0]);
    this.workers = Array.from({ length: shape.workers }, (_, at) => this.#worker(`worker-${at + 1}`, parts.places[at + 1]));
  }

  static async open(shape: ClusterShape): Promise<ChaosCluster> {
    // A client has credentials of its own where workers have them, and else none.
    for (const [name, value] of Object.entries(credentials)) {
      if (shape.store === "role") process.env[name] = value;
      else delete process.env[name];
    }
    const folder = mkdtempSync(join(tmpdir(), "chaos-cluster-"));
    for (const name of ["t", "home"]) mkdirSync(join(folder, name));
    writeFileSync(join(folder, "flow.ts"), chaosFlow);
    const network = shape.isNetworked ? new Network() : null;
    if (network !== null) for (const disk of disksOf(shape)) mountDisk(join(folder, disk));
    const place = (name: string): Place | undefined => network?.add(name);
    const [at, natsAt, s3At] = [place("coordinator"), place("nats"), place("s3")];
    const workersAt = Array.from({ length: shape.workers }, (_, number) => place(`worker-${number + 1}`));
    const where = natsAt === undefined ? {} : { host: natsAt.address, through: natsAt.through };
    const nats = shape.queue === "nats" ? await NatsServer.start({ within: folder, ...where }) : null;
    const s3 = shape.store === "folder" ? null : await S3Process.start({ host: s3At?.address ?? "127.0.0.1" }, s3At?.through);
    const port = network === null ? await freePort() : 7420;
    const cluster = new ChaosCluster(folder, shape, { network, nats, s3, port, places: [at, ...workersAt] });
    process.once("exit", cluster.#killAtExit);
    const { older } = shape;
    if (older !== undefined) for (const member of [cluster.coordinator, ...cluster.workers.slice(1)]) member.program = older;
    cluster.coordinator.start();
    await cluster.answering();
    for (const worker of cluster.workers) worker.start();
    return cluster;
  }

  get effectsFile(): string {
    return join(this.folder, "effects");
  }

  effects(): readonly string[] {
    return existsSync(this.effectsFile) ? readFileSync(this.effectsFile, "utf8").split("\n").slice(0, -1) : [];
  }

  /** What steps read and clients ask through. The connection outlives coordinators. */
  get remote(): Remote {
    this.#remote ??= this.connect();
    return this.#remote;
  }

  /** A client of its own. */
  connect(): Remote {
    const served = readServed(join(this.folder, "data"));
    if (served === null) throw new Error("the coordinator has not started yet");
    const token = served.tokenFile === null ? null : readFileSync(served.tokenFile, "utf8").trim();
    return openRemote({
      address: `${this.#host}:${this.#port}`,
      ...(served.fingerprint !== null && { tls: { fingerprint: served.fingerprint } }),
      ...(token !== null && { token }),
    });
  }

  async answering(): Promise<void> {
    await eventually("the coordinator", async () => {
      if (readServed(join(this.folder, "data")) === null) return null;
      return this.remote.control.workers();
    });
  }

  /** By so much its wall clock is wrong from now on; no other clock of it is. */
  shiftClock(member: Member, ms: number): void {
    writeFileSync(join(this.folder, `clock-${member.name}`), String(ms));
  }

  /** Everything runs, and the coordinator knows every worker. */
  async whole(): Promise<void> {
    for (const member of [this.coordinator, ...this.workers]) member.start();
    await this.answering();
    await eventually("all workers", async () => {
      if (this.deaths.length > 0) throw new Error("one has ended by itself");
      const ready = (await this.remote.control.workers()).filter(({ status }) => status === "ready");
      return ready.length === this.workers.length ? ready : null;
    });
  }

  /** Ends everything in an orderly way; says what was left. */
  async close(): Promise<readonly string[]> {
    const problems: string[] = [];
    await this.#remote?.close();
    for (const member of [...this.workers, this.coordinator]) {
      const code = member.isRunning ? await member.end("SIGTERM") : 0;
      if (code !== 0) problems.push(`${member.name} ended with ${code} after SIGTERM:\n${member.tail()}`);
    }
    await this.nats?.close();
    await this.s3?.close();
    for (const endMs = Date.now() + 20_000; processesOf(this.folder).length > 0 && Date.now() < endMs;) await pause(100);
    const left = processesOf(this.folder);
    if (left.length > 0) problems.push(`processes are left: ${left.map(commandOf).join("; ")}`);
    const temporary = readdirSync(join(this.folder, "t"));
    if (temporary.length > 0) problems.push(`temporary files are left: ${temporary.join(", ")}`);
    this.network?.close();
    if (this.network !== null) for (const disk of disksOf(this.shape)) execFileSync("umount", [join(this.folder, disk)]);
    process.off("exit", this.#killAtExit);
    return problems;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** What a coordinator says of itself is gone when it has stopped; its fingerprint stays the same. */
  #fingerprint(): string {
    this.#known ??= readServed(join(this.folder, "data"))?.fingerprint ?? null;
    return this.#known ?? "";
  }

  #coordinator(place: Place | undefined): Member {
    const { nats, s3, shape } = this;
    const words = ["coordinator", "--data", join(this.folder, "data"), "--listen", `${this.#host}:${this.#port}`, "--log-level", "info"];
    if (nats !== null) words.push("--nats", nats.url);
    if (s3 !== null)
      words.push(
        "--store",
        `s3://test/chaos?endpoint=${encodeURIComponent(s3.url)}`,
        "--store-access",
        shape.store === "role" ? "role" : "presigned",
      );
    return this.#member("coordinator", words, place);
  }

  #worker(name: string, place: Place | undefined): Member {
    const { slots, cacheMiB } = this.shape;
    const words = ["worker", "--slots", String(slots), "--cpu", "64", "--cache", join(this.folder, `cache-${name}`)];
    words.push("--cache-size", `${cacheMiB}MiB`, "--drain-seconds", "3", "--log-level", "info");
    return this.#member(name, words, place);
  }

  #member(name: string, words: readonly string[], place: Place | undefined): Member {
    const data = join(this.folder, "data");
    const own = name === "coordinator";
    const env = (): NodeJS.ProcessEnv => ({
      ...cleanEnvironment(),
      TMPDIR: join(this.folder, "t"),
      XDG_CACHE_HOME: join(this.folder, "home"),
      UV_THREADPOOL_SIZE: String(this.shape.threads),
      NODE_OPTIONS: `--require=${join(import.meta.dirname, "shifted-clock.cts")}`,
      STEPWELL_ISOLATION: this.shape.isolation,
      STEPWELL_TEST_CLOCK: join(this.folder, `clock-${name}`),
      ...((own || this.shape.store === "role") && credentials),
      ...(!own && {
        STEPWELL_COORDINATOR: `${this.#host}:${this.#port}`,
        STEPWELL_TOKEN_FILE: join(data, "admin-token"),
        STEPWELL_FINGERPRINT: this.#fingerprint(),
      }),
    });
    return new Member({
      name,
      words,
      env,
      folder: this.folder,
      logFile: join(this.folder, `${name}.log`),
      through: place?.through ?? [],
      // A disk without room, or a bucket that refuses a wrong clock, at the moment of its start.
      restartedAfter: own ? exitCodes.internal : null,
      onDeath: (message) => this.deaths.push(message),
    });
  }
}

const credentials = {
  AWS_ACCESS_KEY_ID: testCredentials.accessKeyId,
  AWS_SECRET_ACCESS_KEY: testCredentials.secretAccessKey,
  AWS_REGION: "us-east-1",
};

/** Folders of a cluster that have a disk of their own where it has a network of its own: both take root. */
function disksOf({ workers }: ClusterShape): readonly string[] {
  return ["data", ...Array.from({ length: workers }, (_, at) => `cache-worker-${at + 1}`)];
}

/** Large enough for a ledger of 10,000 tasks, and small enough to be filled in no time. */
function mountDisk(folder: string): void {
  mkdirSync(folder, { mode: 0o700 });
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=128m,mode=700", "tmpfs", folder]);
}

type Parts = Pick<ChaosCluster, "network" | "nats" | "s3"> & { readonly port: number; readonly places: readonly (Place | undefined)[] };

/** Asks until there is an answer that is not null; a coordinator or a store that is away is waited for. */
export async function eventually<T>(what: string, ask: () => Promise<T | null>, limitMs = patienceMs): Promise<T> {
  let last = "there was no answer";
  for (const endMs = Date.now() + limitMs; ;) {
    try {
      const answer = await ask();
      if (answer !== null) return answer;
    } catch (error) {
      const isAway = error instanceof ControlError && (error.code === "unreachable" || error.code === "unavailable");
      if (!isAway && !(error instanceof ArtifactStoreError)) throw error;
      last = error.message;
    }
    if (Date.now() > endMs) throw new Error(`waited ${limitMs / 1000} s in vain for ${what}: ${last}`);
    await pause(150);
  }
}

function tryKill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended meanwhile.
  }
}

function commandOf(pid: string): string {
  try {
    return `${pid} ${readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ")}`;
  } catch {
    return pid;
  }
}
