// What an attempt needs of the worker that runs it, and whether a worker has it.

import { defaultPool, type StepNode } from "../../proto/graph.ts";
import type { Task } from "./state.ts";

/** Beside the slot that every task takes. */
export type Needs = {
  readonly pool: string;
  /** The worker must have all of them. */
  readonly labels: Readonly<Record<string, string>>;
  readonly cpu: number;
  readonly memoryMiB: number;
  readonly gpu: number;
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

/** Of the attempt that is ready or would be next. */
export function needsOf(task: Task): Needs {
  return task.step.needs;
}

export function needsOfStep({ policy: { resources, batch } }: Pick<StepNode, "policy">): Needs {
  const pool = resources.pool ?? defaultPool;
  const labels = resources.labels ?? {};
  // Where a step is meant for Batch and runs here instead, it needs what it would need there.
  const { cpu, memoryMiB, gpu } = batch ?? resources;
  const needs = { pool, labels, cpu: cpu ?? 0, memoryMiB: memoryMiB ?? 0, gpu };
  const sorted = Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return { ...needs, key: JSON.stringify([pool, needs.cpu, needs.memoryMiB, gpu, sorted]) };
}

/** Whether the worker, with nothing else to do, could run it. */
export function couldRun({ pool, labels, total, unbounded }: Offer, needs: Needs): boolean {
  return unbounded || (pool === needs.pool && missingLabel(labels, needs) === null && timesIn(total, needs) > 0);
}

/** A label that the worker lacks, as `name=value`. */
export function missingLabel(labels: Readonly<Record<string, string>>, needs: Needs): string | null {
  for (const [name, value] of Object.entries(needs.labels)) if (labels[name] !== value) return `${name}=${value}`;
  return null;
}

/** How many such tasks the room has place for at the same time. */
export function timesIn(room: Room, { cpu, memoryMiB, gpu }: Needs): number {
  const times = Math.min(room.slots, share(room.cpu, cpu), share(room.memoryMiB, memoryMiB), share(room.gpu, gpu));
  return Math.max(0, Math.floor(times));
}

/** Fractions of cores add up to a little more or less than their sum. */
const tolerance = 1e-6;

function share(has: number, needs: number): number {
  return needs === 0 ? Number.POSITIVE_INFINITY : (has + tolerance) / needs;
}
