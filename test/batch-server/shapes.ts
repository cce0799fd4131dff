// What a task may ask for, and what machines there are to run it.

import type { ContainerProperties, ResourceRequirement } from "@aws-sdk/client-batch";
import { invalid } from "./invalid.ts";
import type { Needs, Platform } from "./job.ts";

type MemoryRange = { readonly from: number; readonly to: number; readonly step: number };

/** Of Fargate: vCPUs, and the memory that goes with them, in MiB. */
const fargate: ReadonlyMap<number, readonly number[]> = new Map([
  [0.25, [512, 1024, 2048]],
  [0.5, range({ from: 1024, to: 4096, step: 1024 })],
  [1, range({ from: 2048, to: 8192, step: 1024 })],
  [2, range({ from: 4096, to: 16_384, step: 1024 })],
  [4, range({ from: 8192, to: 30_720, step: 1024 })],
  [8, range({ from: 16_384, to: 61_440, step: 4096 })],
  [16, range({ from: 32_768, to: 122_880, step: 8192 })],
  [32, [61_440, 122_880, 249_856]],
]);

export type Machine = Needs & { readonly type: string };

const machines: readonly Machine[] = [
  ...family("c6i", 2),
  ...family("m6i", 4),
  ...family("r6i", 8),
  { type: "g5.xlarge", vcpus: 4, memoryMiB: 15_600, gpus: 1 },
  { type: "g5.12xlarge", vcpus: 48, memoryMiB: 190_000, gpus: 4 },
];

function range({ from, to, step }: MemoryRange): readonly number[] {
  return Array.from({ length: (to - from) / step + 1 }, (_, i) => from + i * step);
}

function family(name: string, gibPerVcpu: number): readonly Machine[] {
  // Of a machine's memory, the system and the agent keep some.
  const sizes = [
    ["large", 2],
    ["xlarge", 4],
    ["2xlarge", 8],
    ["4xlarge", 16],
    ["8xlarge", 32],
  ] as const;
  return sizes.map(([size, vcpus]) => ({
    type: `${name}.${size}`,
    vcpus,
    memoryMiB: Math.floor(vcpus * gibPerVcpu * 1024 * 0.93),
    gpus: 0,
  }));
}

/** Of an environment's `instanceTypes`: names, families, or `optimal`. The smallest comes first. */
export function machinesOf(instanceTypes: readonly string[]): readonly Machine[] {
  const isMeant = ({ type }: Machine): boolean =>
    instanceTypes.some((wanted) => (wanted === "optimal" ? /^[cmr]6i\./.test(type) : type === wanted || type.startsWith(`${wanted}.`)));
  return machines.filter(isMeant).sort((a, b) => a.vcpus - b.vcpus || a.memoryMiB - b.memoryMiB);
}

export function fits(needs: Needs, room: Needs): boolean {
  return needs.vcpus <= room.vcpus && needs.memoryMiB <= room.memoryMiB && needs.gpus <= room.gpus;
}

/** @throws Refusal */
export function needsOf(container: ContainerProperties, platform: Platform): Needs {
  const requirements = container.resourceRequirements ?? [];
  const vcpus = amountOf(requirements, "VCPU");
  const memory = amountOf(requirements, "MEMORY");
  const gpus = requirements.some(({ type }) => type === "GPU") ? amountOf(requirements, "GPU") : 0;
  if (platform === "FARGATE") {
    if (gpus !== 0) throw invalid("GPU is not supported on Fargate");
    const memories = fargate.get(vcpus);
    if (memories === undefined) throw invalid(`Fargate resource requirements (${vcpus} vCPU) not valid`);
    if (!memories.includes(memory)) throw invalid(`Fargate resource requirements (${vcpus} vCPU, ${memory} MiB) not valid`);
  } else {
    if (!Number.isInteger(vcpus) || vcpus < 1) throw invalid("VCPU must be a positive integer on EC2");
    if (memory < 4) throw invalid("MEMORY must be at least 4 MiB");
  }
  return { vcpus, memoryMiB: memory, gpus };
}

function amountOf(requirements: readonly ResourceRequirement[], wanted: string): number {
  const found = requirements.filter(({ type }) => type === wanted);
  const [only] = found;
  if (only === undefined || found.length > 1) throw invalid(`resourceRequirements must have ${wanted} exactly once`);
  const pattern = wanted === "VCPU" ? /^\d+(\.\d+)?$/ : /^\d+$/;
  if (typeof only.value !== "string" || !pattern.test(only.value)) {
    throw invalid(`resourceRequirements: ${wanted} is not valid: ${JSON.stringify(only.value)}`);
  }
  return Number(only.value);
}
