// How large a container in AWS Batch must be for a shape, how many tasks it then holds, and why it is larger than asked for.

import type { BatchPlatform } from "./graph.ts";
import type { Shape } from "./shape.ts";
import { unreachable } from "./unreachable.ts";

/** What the worker itself needs beside its tasks. */
export const agentMiB = 128;
/** Tasks that one worker in Batch runs at the same time. */
export const batchSlotsMax = 64;
/** The largest machine of EC2, and the most GPUs of one. */
export const ec2VcpuMax = 1920;
const ec2MemoryMiBMax = 32 * 1024 * 1024;
export const ec2GpuMax = 16;

/** Fargate ends what has run for so long. */
export const fargateLifetimeSecondsMax = 14 * 24 * 3600;

type FargateSize = { readonly vcpu: number; readonly memoriesMiB: readonly number[] };

/** The sizes that Fargate has, from small to large. */
export const fargateSizes: readonly FargateSize[] = [
  { vcpu: 0.25, memoriesMiB: [512, 1024, 2048] },
  { vcpu: 0.5, memoriesMiB: steps(1024, 4096, 1024) },
  { vcpu: 1, memoriesMiB: steps(2048, 8192, 1024) },
  { vcpu: 2, memoriesMiB: steps(4096, 16_384, 1024) },
  { vcpu: 4, memoriesMiB: steps(8192, 30_720, 1024) },
  { vcpu: 8, memoriesMiB: steps(16_384, 61_440, 4096) },
  { vcpu: 16, memoriesMiB: steps(32_768, 122_880, 8192) },
  { vcpu: 32, memoriesMiB: [61_440, 122_880, 249_856] },
];

function steps(first: number, last: number, step: number): readonly number[] {
  return Array.from({ length: (last - first) / step + 1 }, (_, at) => first + at * step);
}

export type Container = {
  readonly platform: BatchPlatform;
  readonly vcpu: number;
  /** The worker's own part included. */
  readonly memoryMiB: number;
  readonly gpu: number;
  /** Tasks of the shape that it holds at the same time. */
  readonly slots: number;
};

export type Fitting =
  | { readonly kind: "fits"; readonly container: Container }
  | { readonly kind: "impossible"; readonly message: string; readonly hint: string };

/** What a worker in the container may give to its tasks. */
export function roomOf({ vcpu, memoryMiB, gpu, slots }: Container): { slots: number; cpu: number; memoryMiB: number; gpu: number } {
  return { slots, cpu: vcpu, memoryMiB: memoryMiB - agentMiB, gpu };
}

/** The smallest container for the shape; `platform` is where shapes go that name none, as long as they fit there. */
export function containerFor(shape: Shape, platform: BatchPlatform): Fitting {
  if (shape.platform !== null) return containerOn(shape.platform, shape);
  const there = containerOn(platform, shape);
  return there.kind === "impossible" && platform === "fargate" ? containerOn("ec2", shape) : there;
}

function containerOn(platform: BatchPlatform, shape: Shape): Fitting {
  switch (platform) {
    case "fargate":
      return fargateFor(shape);
    case "ec2":
      return ec2For(shape);
    default:
      return unreachable(platform);
  }
}

function fargateFor(shape: Shape): Fitting {
  if (shape.gpu > 0) return impossible(shape, "Fargate has no GPUs", 'leave platform out, or give platform: "ec2"');
  const cpu = shape.cpu * shape.slots;
  const memoryMiB = shape.memoryMiB * shape.slots + agentMiB;
  for (const { vcpu, memoriesMiB } of fargateSizes) {
    const fitting = memoriesMiB.find((candidate) => candidate >= memoryMiB);
    if (vcpu >= cpu && fitting !== undefined) return fits(shape, { platform: "fargate", vcpu, memoryMiB: fitting, gpu: 0 });
  }
  const largest = fargateSizes.at(-1);
  const [vcpuMax, memoryMiBMax] = [largest?.vcpu ?? 0, largest?.memoriesMiB.at(-1) ?? 0];
  const what = `Fargate has at most ${vcpuMax} vCPUs, and ${memoryMiBMax} MiB with ${agentMiB} of them for the worker`;
  return impossible(shape, what, `ask for less${shape.slots > 1 ? ", give fewer slots" : ""}, or give platform: "ec2"`);
}

/** Memory comes as asked for, vCPUs and GPUs in whole numbers. */
function ec2For(shape: Shape): Fitting {
  const vcpu = Math.max(1, Math.ceil(shape.cpu * shape.slots - tolerance));
  const memoryMiB = shape.memoryMiB * shape.slots + agentMiB;
  const gpu = shape.gpu * shape.slots;
  const tooLarge = [
    ...(vcpu > ec2VcpuMax ? [`${ec2VcpuMax} vCPUs`] : []),
    ...(memoryMiB > ec2MemoryMiBMax ? [`${ec2MemoryMiBMax} MiB`] : []),
    ...(gpu > ec2GpuMax ? [`${ec2GpuMax} GPUs`] : []),
  ];
  if (tooLarge.length === 0) return fits(shape, { platform: "ec2", vcpu, memoryMiB, gpu });
  return impossible(
    shape,
    `no machine of EC2 has more than ${tooLarge.join(" and ")}`,
    `ask for less${shape.slots > 1 ? ", or give fewer slots" : ""}`,
  );
}

function impossible(shape: Shape, why: string, hint: string): Fitting {
  return { kind: "impossible", message: `no container of Batch holds ${asked(shape)}: ${why}`, hint };
}

function fits(shape: Shape, size: Omit<Container, "slots">): Fitting {
  const times = [
    Math.floor(size.vcpu / shape.cpu + tolerance),
    Math.floor((size.memoryMiB - agentMiB) / shape.memoryMiB),
    ...(shape.gpu > 0 ? [Math.floor(size.gpu / shape.gpu)] : []),
  ];
  return { kind: "fits", container: { ...size, slots: Math.max(1, Math.min(batchSlotsMax, ...times)) } };
}

/** Fractions of cores add up to a little more or less than their sum. */
const tolerance = 1e-6;

function asked({ cpu, memoryMiB, gpu, slots }: Shape): string {
  const sizes = [`cpu ${cpu}`, `memory ${memoryMiB}`, ...(gpu > 0 ? [`gpu ${gpu}`] : [])].join(", ");
  return slots > 1 ? `${slots} tasks of ${sizes}` : sizes;
}

/** Why the container is not just what was asked for; null where it is. */
export function roundingNote(shape: Shape, container: Container): string | null {
  const { platform, vcpu, memoryMiB, slots } = container;
  const exactly = vcpu === shape.cpu * shape.slots && memoryMiB === shape.memoryMiB * shape.slots + agentMiB && slots === shape.slots;
  if (exactly) return null;
  const where = platform === "fargate" ? "the smallest that Fargate has" : "EC2 gives whole vCPUs";
  const holds = slots === 1 ? "" : `; it runs ${slots} tasks at the same time`;
  return `${asked(shape)}, and ${agentMiB} MiB for the worker, take ${vcpu} vCPU and ${memoryMiB} MiB (${where})${holds}${savingHint(shape, container)}`;
}

/** Where the worker's own part alone makes the container larger than the tasks would. */
function savingHint(shape: Shape, { platform, vcpu, memoryMiB }: Container): string {
  if (platform !== "fargate") return "";
  const without = fargateFor({ ...shape, memoryMiB: shape.memoryMiB - Math.ceil(agentMiB / shape.slots) });
  if (without.kind === "impossible") return "";
  const less = without.container;
  if (less.vcpu === vcpu && less.memoryMiB === memoryMiB) return "";
  const memory = Math.floor((less.memoryMiB - agentMiB) / shape.slots);
  return `; memory ${memory} would take ${less.vcpu} vCPU and ${less.memoryMiB} MiB`;
}
