// What an attempt needs of the worker that runs it, and whether a worker has it.

import { defaultPool, type BatchPlacement, type StepNode } from "../../proto/graph.ts";
import { batchPool, shapeKey, shapeLabel, shapeOf, type AttemptShape, type Shape } from "../../proto/shape.ts";
import type { Attempt, Task } from "./state.ts";

/** Beside the slot that every task takes. */
export type Needs = {
  readonly pool: string;
  /** The worker must have all of them. Names and values, in the order of the names. */
  readonly labels: readonly (readonly [string, string])[];
  readonly cpu: number;
  readonly memoryMiB: number;
  readonly gpu: number;
  /** Of the worker that is launched for it; null where any worker will do. */
  readonly shape: Shape | null;
  /** The same for equal needs. */
  readonly key: string;
};

/** What a worker has, or has left. */
export type Room = { readonly slots: number; readonly cpu: number; readonly memoryMiB: number; readonly gpu: number };

export type Offer = {
  readonly pool: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly total: Room;
  /** It takes whatever there is, as far as its slots go: the only worker of a machine that is no part of a cluster. */
  readonly unbounded: boolean;
};

/** Of the attempt that runs, is ready or would be next. */
export function needsOf(task: Task): Needs {
  const { needs, launching } = task.step;
  const memoryMiB = memoryMiBOf(task) ?? 0;
  if (launching === null) return memoryMiB === needs.memoryMiB ? needs : keyed({ ...needs, memoryMiB });
  // What may be lost no more is not put where hosts are taken back.
  const capacity = task.losses >= launching.lossesMax ? "onDemand" : "spot";
  const isUsual = memoryMiB === needs.memoryMiB && capacity === needs.shape?.capacity;
  return isUsual ? needs : needsOfLaunched(launching.placement, { memoryMiB, capacity });
}

/** Where the step's tasks run on workers that are launched for them. */
export type Launching = { readonly placement: BatchPlacement; readonly lossesMax: number };

/** What that attempt may hold: after each that ran out, twice as much, up to the step's `memoryMax`. Null: as much as there is. */
export function memoryMiBOf({ step, attempts }: Task): number | null {
  const { memoryMaxMiB, ...resources } = step.node.policy.resources;
  const memoryMiB = step.launching?.placement.memoryMiB ?? resources.memoryMiB;
  if (memoryMiB === null || memoryMaxMiB === undefined) return memoryMiB;
  return Math.min(memoryMaxMiB, memoryMiB * 2 ** attempts.filter(ranOut).length);
}

function ranOut({ end }: Attempt): boolean {
  return end?.failure?.kind === "outOfMemory";
}

/** What `@batch` asks for is the size of a worker that is launched, and says nothing about machines of one's own. */
export function needsOfStep({ policy: { resources } }: Pick<StepNode, "policy">, launching: Launching | null = null): Needs {
  if (launching !== null) {
    const { placement, lossesMax } = launching;
    return needsOfLaunched(placement, { memoryMiB: placement.memoryMiB, capacity: lossesMax === 0 ? "onDemand" : "spot" });
  }
  const pool = resources.pool ?? defaultPool;
  const labels = Object.entries(resources.labels ?? {}).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const { cpu, memoryMiB, gpu } = resources;
  return keyed({ pool, labels, cpu: cpu ?? 0, memoryMiB: memoryMiB ?? 0, gpu, shape: null });
}

function needsOfLaunched(placement: BatchPlacement, attempt: AttemptShape): Needs {
  const shape = shapeOf(placement, attempt);
  const { cpu, memoryMiB, gpu } = shape;
  return keyed({ pool: batchPool, labels: [[shapeLabel, shapeKey(shape)]], cpu, memoryMiB, gpu, shape });
}

function keyed(needs: Omit<Needs, "key">): Needs {
  return { ...needs, key: JSON.stringify([needs.pool, needs.cpu, needs.memoryMiB, needs.gpu, needs.labels]) };
}

/** Whether the worker, with nothing else to do, could run it. */
export function couldRun({ pool, labels, total, unbounded }: Offer, needs: Needs): boolean {
  return unbounded || (pool === needs.pool && missingLabel(labels, needs) === null && timesIn(total, needs) > 0);
}

/** A label that the worker lacks, as `name=value`. */
export function missingLabel(labels: Readonly<Record<string, string>>, needs: Needs): string | null {
  for (const [name, value] of needs.labels) if (labels[name] !== value) return `${name}=${value}`;
  return null;
}

/** How many such tasks the room has place for at the same time. */
export function timesIn(room: Room, { cpu, memoryMiB, gpu }: Needs): number {
  const times = Math.min(room.slots, share(room.cpu, cpu), share(room.memoryMiB, memoryMiB), share(room.gpu, gpu));
  return Math.max(0, Math.floor(times));
}

/** Whether one such task has place beside what is there already. */
export function fits({ cpu, memoryMiB, gpu }: Omit<Room, "slots">, needs: Needs): boolean {
  return has(cpu, needs.cpu) && has(memoryMiB, needs.memoryMiB) && has(gpu, needs.gpu);
}

/** Fractions of cores add up to a little more or less than their sum. */
const tolerance = 1e-6;

/** Less than nothing may be left where a worker came back with less than it had. */
function has(left: number, needs: number): boolean {
  return needs === 0 || needs <= left + tolerance;
}

function share(whole: number, needs: number): number {
  return needs === 0 ? Number.POSITIVE_INFINITY : (whole + tolerance) / needs;
}
