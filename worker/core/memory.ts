// What of its process's memory counts as an attempt's, and how much that may be.
//
// M1. A process that ran other attempts may hold memory of theirs, which it uses again: what it held at the start, beyond
//     what a process holds anyhow, is not this attempt's.
// M2. No limit is below what a process holds anyhow: it would end every attempt.

/** A task process with a flow in it and nothing computed yet holds about half of this. */
export const processMiB = 128;

export type MemoryWatch = { readonly limitMiB: number; readonly surplusMiB: number };

/** `askedMiB` is what the step asked for, `residentMiB` what the process holds when the attempt begins. */
export function watchedMemory(askedMiB: number, residentMiB: number): MemoryWatch {
  return { limitMiB: Math.max(askedMiB, processMiB), surplusMiB: Math.max(0, residentMiB - processMiB) };
}

/** What the attempt held at most, where that is more than it may; null where it is not. */
export function excessMiB({ limitMiB, surplusMiB }: MemoryWatch, peakMiB: number): number | null {
  const heldMiB = peakMiB - surplusMiB;
  return heldMiB > limitMiB ? heldMiB : null;
}
