// The memory of one task process: what it and what it started hold, and the limit of its attempt, which the kernel keeps where
// the worker may make groups, and which is kept by looking where it may not.

import { excessOf, watchedMemory, type MemoryExcess, type MemoryWatch } from "../../core/memory.ts";
import { kernelKills, treeResidentMiB } from "./kernel-memory.ts";
import type { MemoryGroup } from "./memory-group.ts";

export class MemoryLimit {
  readonly #pid: number | null;
  readonly #enterGroup: () => MemoryGroup | null;
  readonly #killsBefore = kernelKills();
  #group: MemoryGroup | null = null;
  /** Null where the attempt may hold any amount. */
  #watch: MemoryWatch | null = null;
  #isSet = false;
  #peakMiB = 0;

  /** `enterGroup` puts the process into a group of its own, where that is possible. */
  constructor(pid: number | null, enterGroup: () => MemoryGroup | null) {
    this.#pid = pid;
    this.#enterGroup = enterGroup;
  }

  /** For the attempt that is about to begin; null: any amount. What it returns, if anything, is to be waited for before that. */
  begin(askedMiB: number | null): Promise<void> | null {
    this.#peakMiB = 0;
    this.#watch = askedMiB === null ? null : watchedMemory(askedMiB, this.samplePeakMiB());
    const entering = this.#watch !== null && this.#group === null ? this.#enterGroup() : null;
    this.#group ??= entering;
    this.#isSet = this.#group?.limit(this.#watch) ?? false;
    return entering?.entered ?? null;
  }

  /** Whether somebody must look often, since a limit is to be kept and the kernel does not. */
  get isToBeWatched(): boolean {
    return this.#watch !== null && !this.#isKept();
  }

  #isKept(): boolean {
    return this.#watch !== null && this.#isSet && this.#group !== null && !this.#group.isRefused;
  }

  samplePeakMiB(): number {
    if (this.#pid !== null) this.#peakMiB = Math.max(this.#peakMiB, treeResidentMiB(this.#pid));
    return this.#peakMiB;
  }

  /** What the attempt was found to hold, or has held, beyond its limit. */
  excess(): MemoryExcess | null {
    if (this.#isKept()) return this.#group?.excess() ?? null;
    return this.#watch === null ? null : excessOf(this.#watch, this.samplePeakMiB());
  }

  /** Of a process that is gone. `byKernel`: its kernel has ended a process for want of memory since it began. */
  afterDeath(): { readonly peakMiB: number; readonly byKernel: boolean; readonly excess: MemoryExcess | null } {
    const excess = this.#isKept() ? (this.#group?.excess() ?? null) : null;
    // One in a group of its own is told from its neighbours.
    const byKernel = this.#group === null || this.#group.isRefused ? kernelKills() > this.#killsBefore : this.#group.kills() > 0;
    return { peakMiB: Math.max(this.#peakMiB, excess?.peakMiB ?? 0), byKernel, excess };
  }

  async close(): Promise<void> {
    await this.#group?.remove();
  }
}
