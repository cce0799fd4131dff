// What goes wrong in a cluster: each fault begins, and returns how it ends. Names are what a round prints.

import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect } from "nats";
import { bin } from "../../command.ts";
import { pause } from "../started.ts";
import type { Random } from "../../simulation/random.ts";
import type { FaultRule } from "../../aws/faults.ts";
import type { ChaosCluster } from "./chaos-cluster.ts";
import type { Member } from "./member.ts";

/** Resolves when the fault is there; what it resolves with takes it away. */
export type Fault = (cluster: ChaosCluster, random: Random) => Promise<() => Promise<void>>;

const nothing = async (): Promise<void> => {};

/** A worker is given up after ten seconds of silence. */
const beyondLeaseMs = 11_000;

async function killed(member: Member, downMs: number): Promise<() => Promise<void>> {
  await member.end("SIGKILL");
  return async () => {
    await pause(downMs);
    member.start();
  };
}

/** Both directions, or one of them. */
function partition(cluster: ChaosCluster, [one, other]: readonly [string, string], random: Random): () => Promise<void> {
  const how = random.chance(0.7) ? "silent" : "refused";
  const which = random.below(4);
  const heal = [
    ...(which === 1 ? [] : [cluster.network?.cut(one, other, how)]),
    ...(which === 2 ? [] : [cluster.network?.cut(other, one, how)]),
  ];
  return async () => heal.forEach((undo) => undo?.());
}

function s3Fault(rules: readonly FaultRule[]): Fault {
  return async (cluster) => {
    for (const rule of rules) await cluster.s3?.add(rule);
    return async () => {
      await cluster.s3?.clearFaults();
      await worsenS3(cluster);
    };
  };
}

/** From now on S3 fails as an object store does on a bad day. */
export async function worsenS3({ s3 }: ChaosCluster): Promise<void> {
  for (const rule of ambientS3Faults) await s3?.add(rule);
}

async function meddle(cluster: ChaosCluster, what: "stream" | "consumer"): Promise<void> {
  if (cluster.nats === null) return;
  try {
    const connection = await connect({ servers: cluster.nats.url, timeout: 2000, reconnect: false });
    const { streams, consumers } = await connection.jetstreamManager();
    for await (const { config } of streams.list()) {
      if (what === "stream") await streams.delete(config.name);
      else for await (const { name } of consumers.list(config.name)) await consumers.delete(config.name, name);
    }
    await connection.close();
  } catch {
    // Another fault has it already.
  }
}

const jumpMs = 3_600_000;

function jump(members: (cluster: ChaosCluster) => readonly Member[]): Fault {
  return async (cluster, random) => {
    const member = random.pick(members(cluster));
    cluster.shiftClock(member, random.chance(0.5) ? jumpMs : -jumpMs);
    return async () => cluster.shiftClock(member, 0);
  };
}

const workerFaults: Readonly<Record<string, Fault>> = {
  "worker killed": async ({ workers }, random) => killed(random.pick(workers), random.below(3000)),
  "worker frozen beyond its lease": async ({ workers }, random) => {
    const worker = random.pick(workers);
    worker.freeze();
    return async () => {
      await pause(beyondLeaseMs);
      worker.thaw();
    };
  },
  "worker frozen": async ({ workers }, random) => {
    const worker = random.pick(workers);
    worker.freeze();
    return async () => worker.thaw();
  },
  "a third of the workers restarted": async ({ workers }, random) => {
    const chosen = workers.filter(() => random.chance(0.3));
    await Promise.all(chosen.map((worker) => worker.end(random.chance(0.5) ? "SIGTERM" : "SIGKILL")));
    return async () => chosen.forEach((worker) => worker.start());
  },
  "all workers killed": async ({ workers }) => {
    await Promise.all(workers.map((worker) => worker.end("SIGKILL")));
    return async () => workers.forEach((worker) => worker.start());
  },
  "task process killed": async ({ workers }, random) => {
    const running = workers.filter(({ isRunning }) => isRunning);
    const children = running.length === 0 ? [] : random.pick(running).children();
    if (children.length > 0) tryKill(random.pick(children));
    return nothing;
  },
};

const coordinatorFaults: Readonly<Record<string, Fault>> = {
  "coordinator killed": async ({ coordinator }, random) => killed(coordinator, random.below(3000)),
  "coordinator frozen": async ({ coordinator }) => {
    coordinator.freeze();
    return async () => coordinator.thaw();
  },
  "coordinator frozen beyond a lease": async ({ coordinator }) => {
    coordinator.freeze();
    return async () => {
      await pause(beyondLeaseMs);
      coordinator.thaw();
    };
  },
  "coordinator restarted": async ({ coordinator }) => {
    await coordinator.end("SIGTERM");
    return async () => coordinator.start();
  },
};

const clockFaults: Readonly<Record<string, Fault>> = {
  "clock of the coordinator jumps": jump(({ coordinator }) => [coordinator]),
  "clock of a worker jumps": jump(({ workers }) => workers),
};

const natsFaults: Readonly<Record<string, Fault>> = {
  "NATS killed": async ({ nats }) => {
    await nats?.kill();
    return async () => nats?.start();
  },
  "NATS frozen": async ({ nats }) => {
    const pid = nats?.pid;
    if (pid !== undefined) process.kill(pid, "SIGSTOP");
    return async () => {
      if (pid !== undefined) process.kill(pid, "SIGCONT");
    };
  },
  "NATS loses its disk": async ({ nats }) => {
    await nats?.kill();
    await nats?.wipe();
    return async () => nats?.start();
  },
  "NATS loses its streams": async (cluster) => {
    await meddle(cluster, "stream");
    return nothing;
  },
  "NATS loses its consumers": async (cluster) => {
    await meddle(cluster, "consumer");
    return nothing;
  },
};

const s3Faults: Readonly<Record<string, Fault>> = {
  "S3 is slow to answer": s3Fault([{ fault: { kind: "latency", ms: 1500 }, share: 0.5 }]),
  "S3 refuses half": s3Fault([{ fault: { kind: "error", status: 503, code: "SlowDown" }, share: 0.5 }]),
  "S3 resets half": s3Fault([{ fault: { kind: "reset" }, share: 0.5 }]),
  "S3 does and denies": s3Fault([
    { fault: { kind: "dropAfter" }, share: 0.2 },
    { fault: { kind: "errorAfter", status: 500, code: "InternalError" }, share: 0.2 },
  ]),
  "S3 damages what it sends": s3Fault([
    { fault: { kind: "flip", at: 10 }, share: 0.1, methods: ["GET"] },
    { fault: { kind: "truncate", afterBytes: 30 }, share: 0.1, methods: ["GET"] },
  ]),
  "S3 frozen": async ({ s3 }) => {
    const pid = s3?.pid;
    if (pid !== undefined) process.kill(pid, "SIGSTOP");
    return async () => {
      if (pid !== undefined) process.kill(pid, "SIGCONT");
    };
  },
};

const networkFaults: Readonly<Record<string, Fault>> = {
  "worker and coordinator parted": async (cluster, random) =>
    partition(cluster, [random.pick(cluster.workers).name, "coordinator"], random),
  "worker parted from all": async (cluster, random) => {
    const { name } = random.pick(cluster.workers);
    const heal = placesOf(cluster, ["coordinator", "s3"]).map((other) => partition(cluster, [name, other], random));
    return async () => void (await Promise.all(heal.map((undo) => undo())));
  },
  "worker and S3 parted": async (cluster, random) =>
    cluster.s3 === null ? nothing : partition(cluster, [random.pick(cluster.workers).name, "s3"], random),
  "coordinator and NATS parted": async (cluster, random) =>
    cluster.nats === null ? nothing : partition(cluster, ["coordinator", "nats"], random),
  "coordinator and S3 parted": async (cluster, random) =>
    cluster.s3 === null ? nothing : partition(cluster, ["coordinator", "s3"], random),
  "coordinator parted from all": async (cluster, random) => {
    const others = placesOf(cluster, ["nats", "s3", ...cluster.workers.map(({ name }) => name)]);
    const heal = others.map((other) => partition(cluster, ["coordinator", other], random));
    return async () => void (await Promise.all(heal.map((undo) => undo())));
  },
  "worker and coordinator parted beyond the lease": async (cluster, random) => {
    const heal = partition(cluster, [random.pick(cluster.workers).name, "coordinator"], random);
    return async () => {
      await pause(beyondLeaseMs);
      await heal();
    };
  },
  "slow way to a place": async (cluster, random) => {
    const names = placesOf(cluster, ["coordinator", "nats", "s3", ...cluster.workers.map(({ name }) => name)]);
    const undo = cluster.network?.slow(random.pick(names), { kilobitsPerSecond: 256, latencyMs: 1000 + random.below(4000) });
    return async () => undo?.();
  },
};

function fill(folder: string): () => Promise<void> {
  const ballast = join(folder, "ballast");
  try {
    for (let bytes = 1 << 20; bytes >= 1 << 12; bytes >>= 2) fillBy(ballast, Buffer.alloc(bytes));
  } catch (error) {
    rmSync(ballast, { force: true });
    throw error;
  }
  return async () => rmSync(ballast, { force: true });
}

function fillBy(file: string, piece: Buffer): void {
  try {
    for (;;) writeFileSync(file, piece, { flag: "a" });
  } catch (error) {
    if (!String(error).includes("ENOSPC")) throw error;
  }
}

const diskFaults: Readonly<Record<string, Fault>> = {
  "disk of the coordinator full": async ({ folder }) => fill(join(folder, "data")),
  "disk of a worker full": async ({ folder, workers }, random) => fill(join(folder, `cache-${random.pick(workers).name}`)),
};

/** A coordinator goes forward only: an older one does not read what a newer one has written. */
const versionFaults: Readonly<Record<string, Fault>> = {
  "coordinator brought up to date": async ({ coordinator }) => {
    await coordinator.end("SIGTERM");
    coordinator.program = bin;
    return async () => coordinator.start();
  },
  "worker of another version": async ({ workers, shape }, random) => {
    const worker = random.pick(workers);
    await worker.end("SIGTERM");
    worker.program = worker.program === bin ? (shape.older ?? bin) : bin;
    return async () => worker.start();
  },
};

function placesOf({ nats, s3 }: ChaosCluster, names: readonly string[]): readonly string[] {
  return names.filter((name) => (name !== "nats" || nats !== null) && (name !== "s3" || s3 !== null));
}

/** What can go wrong in this cluster, by the part that it goes wrong with, and by name. */
export function faultsOf({ nats, s3, network, shape }: ChaosCluster): Readonly<Record<string, Readonly<Record<string, Fault>>>> {
  return {
    worker: workerFaults,
    coordinator: coordinatorFaults,
    clock: clockFaults,
    ...(nats !== null && { nats: natsFaults }),
    ...(s3 !== null && { s3: s3Faults }),
    ...(network !== null && { network: networkFaults, disk: diskFaults }),
    ...(shape.older !== undefined && { version: versionFaults }),
  };
}

/** Of all requests, always. */
const ambientS3Faults: readonly FaultRule[] = [
  { fault: { kind: "error", status: 503, code: "SlowDown" }, share: 0.05 },
  { fault: { kind: "errorAfter", status: 500, code: "InternalError" }, share: 0.05 },
  { fault: { kind: "dropAfter" }, share: 0.02 },
  { fault: { kind: "latency", ms: 200 }, share: 0.05 },
];

function tryKill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended meanwhile.
  }
}
