// Machines: what there is, what comes when a job waits, and which job has room where.
//
// C1. An environment never has more vCPUs than its maximum.
// C2. A task on Fargate has a machine of its own, which begins and ends with it; machines of EC2 are shared and outlive tasks.

import type { Job, Needs } from "./job.ts";
import { InstanceMetadata } from "./instance-metadata.ts";
import { newInstanceId } from "./names.ts";
import { blockReasons, type Environment, type Queue } from "./queues.ts";
import { fits, machinesOf, type Machine } from "./shapes.ts";
import type { Timer, Timers } from "./timers.ts";

export type Host = {
  readonly id: string;
  readonly environment: Environment;
  readonly machine: Machine;
  readonly jobs: Set<Job>;
  /** A machine that is leaving takes nothing new. */
  state: "starting" | "up" | "leaving" | "gone";
  metadata: InstanceMetadata | null;
  /** Ends the machine when nothing has run on it for a while. */
  idle: Timer | null;
};

/** Why there is no room: for now, or for ever, in the words of Batch. */
export type Blocked = { readonly kind: "full" } | { readonly kind: "stuck"; readonly reason: string; readonly text: string };

export type CapacityOptions = {
  readonly timers: Timers;
  /** What a machine takes to come: each on Fargate, new ones on EC2. */
  readonly scaleUpMs: number;
  /** How long a machine of EC2 stays without work. */
  readonly idleMs: number;
  readonly onUp: (host: Host) => void;
  readonly onRoom: () => void;
};

export class Capacity {
  readonly hosts = new Set<Host>();
  readonly #options: CapacityOptions;
  #isClosed = false;

  constructor(options: CapacityOptions) {
    this.#options = options;
  }

  /** Room for the job on a machine that is there or begins to come. */
  place(job: Job): Host | Blocked {
    const reasons: Blocked[] = [];
    for (const environment of job.spec.queue.environments) {
      const found = this.#placeIn(environment, job);
      if ("machine" in found) return found;
      reasons.push(found);
    }
    return reasons.find(({ kind }) => kind === "full") ?? reasons[0] ?? { kind: "full" };
  }

  release(host: Host, job: Job): void {
    host.jobs.delete(job);
    if (host.state === "gone") return;
    if (host.environment.platform === "FARGATE") this.end(host);
    else if (host.jobs.size === 0) host.idle = this.#options.timers.after(this.#options.idleMs, () => this.end(host));
    this.#options.onRoom();
  }

  /** The machine is no more. What ran there is the caller's affair. */
  end(host: Host): void {
    host.state = "gone";
    host.idle?.cancel();
    host.metadata?.close();
    this.hosts.delete(host);
    this.#options.onRoom();
  }

  close(): void {
    this.#isClosed = true;
    for (const host of this.hosts) host.metadata?.close();
    this.hosts.clear();
  }

  #placeIn(environment: Environment, job: Job): Host | Blocked {
    const { needs } = job.spec;
    const room = this.#roomOn(environment, needs);
    if (room !== undefined) {
      room.jobs.add(job);
      room.idle?.cancel();
      return room;
    }
    const machine = machineFor(environment, needs);
    if ("kind" in machine) return machine;
    const max = environment.resources.maxvCpus ?? 0;
    if (this.#vcpusOf(environment) + machine.vcpus > max) return { kind: "full" };
    return this.#begin(environment, machine, job);
  }

  #roomOn(environment: Environment, needs: Needs): Host | undefined {
    if (environment.platform === "FARGATE") return undefined;
    for (const host of this.hosts) {
      if (host.environment === environment && (host.state === "starting" || host.state === "up") && fits(needs, freeOn(host))) return host;
    }
    return undefined;
  }

  #vcpusOf(environment: Environment): number {
    let vcpus = 0;
    for (const host of this.hosts) if (host.environment === environment) vcpus += host.machine.vcpus;
    return vcpus;
  }

  #begin(environment: Environment, machine: Machine, job: Job): Host {
    const id = newInstanceId();
    const host: Host = { id, environment, machine, jobs: new Set([job]), state: "starting", metadata: null, idle: null };
    this.hosts.add(host);
    this.#options.timers.after(this.#options.scaleUpMs, () => void this.#arrive(host));
    return host;
  }

  async #arrive(host: Host): Promise<void> {
    if (host.state === "gone") return;
    if (host.environment.platform === "EC2") {
      const metadata = await InstanceMetadata.start(host.id, host.machine.type, host.environment.isSpot);
      if (this.#isClosed || !this.hosts.has(host)) return metadata.close();
      host.metadata = metadata;
    }
    host.state = "up";
    this.#options.onUp(host);
  }
}

function freeOn({ machine, jobs }: Host): Needs {
  const free = { vcpus: machine.vcpus, memoryMiB: machine.memoryMiB, gpus: machine.gpus };
  for (const { spec } of jobs) {
    free.vcpus -= spec.needs.vcpus;
    free.memoryMiB -= spec.needs.memoryMiB;
    free.gpus -= spec.needs.gpus;
  }
  return free;
}

function machineFor(environment: Environment, needs: Needs): Machine | Blocked {
  const { detail, resources, platform, isExhausted } = environment;
  if (detail.status !== "VALID") {
    return { kind: "stuck", reason: blockReasons.permissions, text: "Batch service role has a permission issue." };
  }
  if (detail.state !== "ENABLED") {
    return { kind: "stuck", reason: blockReasons.unknown, text: "Batch job is blocked, root cause is undetermined." };
  }
  const max = resources.maxvCpus ?? 0;
  const possible = platform === "FARGATE" ? [{ type: "fargate", ...needs }] : machinesOf(resources.instanceTypes ?? []);
  const fitting = possible.filter((machine) => fits(needs, machine));
  if (fitting.length === 0) {
    const text = "The job resource requirement (vCPU/memory/GPU) is higher than that can be met by the CE(s) attached to the job queue.";
    return { kind: "stuck", reason: blockReasons.requirement, text };
  }
  const [machine] = fitting.filter(({ vcpus }) => vcpus <= max);
  if (machine === undefined) {
    const text = "CE(s) associated with the job queue cannot meet the CPU requirement of the job.";
    return { kind: "stuck", reason: blockReasons.maxResource, text };
  }
  if (isExhausted) {
    const text = `Service cannot fulfill the capacity requested for instance type [${machine.type}]`;
    return { kind: "stuck", reason: blockReasons.capacity, text };
  }
  return machine;
}

/** In the order in which queues share machines. */
export function byPriority(a: Queue, b: Queue): number {
  return (b.detail.priority ?? 0) - (a.detail.priority ?? 0);
}
