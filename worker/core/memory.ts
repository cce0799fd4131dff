// What of its process's memory counts as an attempt's, and how much that may be.
//
// M1. A process that ran other attempts may hold memory of theirs, which it uses again: what it held at the start, beyond
//     what a process holds anyhow, is not this attempt's.
// M2. No limit is below what a process holds anyhow: it would end every attempt.

/** A task process with a flow in it and nothing computed yet holds about half of this. */
export const processMiB = 128;
/** What a kernel counts and resident size does not: tables of pages, stacks and sockets of its own. */
const kernelOwnMiB = 16;

export type MemoryWatch = {
  readonly limitMiB: number;
  /** Of what the process holds at the start, what is not the attempt's, and what is. */
  readonly surplusMiB: number;
  readonly heldMiB: number;
};

/** What an attempt held, where that was more than it may. */
export type MemoryExcess = { readonly peakMiB: number; readonly limitMiB: number };

/** `askedMiB` is what the step asked for, `residentMiB` what the process holds when the attempt begins. */
export function watchedMemory(askedMiB: number, residentMiB: number): MemoryWatch {
  const surplusMiB = Math.max(0, residentMiB - processMiB);
  return { limitMiB: Math.max(askedMiB, processMiB), surplusMiB, heldMiB: residentMiB - surplusMiB };
}

/** Null where the attempt held no more than it may. */
export function excessOf({ limitMiB, surplusMiB }: MemoryWatch, peakMiB: number): MemoryExcess | null {
  const heldMiB = peakMiB - surplusMiB;
  return heldMiB > limitMiB ? { peakMiB: heldMiB, limitMiB } : null;
}

/** What a kernel that counts from the start of the attempt may let it take. */
export function takeableMiB({ limitMiB, heldMiB }: MemoryWatch): number {
  return limitMiB - heldMiB + kernelOwnMiB;
}
