// What a worker in AWS Batch must be so that tasks of a step can run there. Tasks of equal shapes share workers; the key of
// the shape is the label by which a task finds them.
//
// S1. A shape is what the author asked for, without any default of a coordinator: its key is the same for ever.

import { sha256OfText } from "./digest.ts";
import type { BatchOptions, BatchPlacement, BatchPlatform, Resources } from "./graph.ts";

/** The pool of workers in Batch. */
export const batchPool = "batch";
/** The label of such a worker; its value is the key of its shape. */
export const shapeLabel = "batch.shape";

/** Whether a worker may be taken away with two minutes' notice, for less money. */
export type Capacity = "spot" | "onDemand";

/** Set to `on` where a worker is to ask its machine whether it will be taken away. */
export const spotVariable = "STEPWELL_SPOT_NOTICE";

/** Sizes are those of one task. Null stands for whatever the coordinator has for all. */
export type Shape = Resources & {
  readonly queue: string | null;
  readonly image: string | null;
  readonly platform: BatchPlatform | null;
  readonly capacity: Capacity;
  /** Tasks that a worker is made large enough for. */
  readonly slots: number;
  readonly options: WorkerOptions;
};

/** The options of `@batch` that the container gets as they are. */
export type WorkerOptions = Omit<BatchOptions, "platform" | "slots">;

/** What may differ from attempt to attempt. */
export type AttemptShape = { readonly memoryMiB: number; readonly capacity: Capacity };

export function shapeOf(placement: BatchPlacement, { memoryMiB, capacity }: AttemptShape): Shape {
  const { platform = null, slots = 1, ...options } = placement.options;
  const { cpu, gpu, queue, image } = placement;
  return { cpu, memoryMiB, gpu, queue, image, platform: platform ?? impliedPlatform(gpu, options), capacity, slots, options };
}

/** What only one of the two has says which it is. */
function impliedPlatform(gpu: number, options: WorkerOptions): BatchPlatform | null {
  if (gpu > 0 || ec2Options.some((name) => options[name] !== undefined)) return "ec2";
  return options.ephemeralStorage === undefined ? null : "fargate";
}

/** Options that Fargate lacks. */
export const ec2Options = ["sharedMemory", "tmpfs", "maxSwap", "swappiness"] as const;

/** Fit for a label and, without its points, for a name in AWS: at most 63 characters. Equal shapes have equal keys. */
export function shapeKey(shape: Shape): string {
  const { cpu, memoryMiB, gpu, capacity } = shape;
  const sizes = [`${round(cpu)}cpu`, `${memoryMiB}mib`, ...(gpu > 0 ? [`${gpu}gpu`] : [])];
  return [...sizes, capacity, sha256OfText(canonical(shape)).slice(0, 16)].join("-");
}

function round(cpu: number): number {
  return Math.round(cpu * 1000) / 1000;
}

/** JSON with names in order, and without what is not there. */
function canonical(value: unknown): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  const fields = Object.entries(value).filter(([, field]) => field !== undefined);
  const sorted = fields.toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `{${sorted.map(([name, field]) => `${JSON.stringify(name)}:${canonical(field)}`).join(",")}}`;
}
