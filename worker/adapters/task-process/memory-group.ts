// Groups of the kernel (cgroups) that hold a task process, and what it starts, to a limit of memory: what would be taken beyond
// it, however fast, makes the kernel end a process of the group.
//
// G1. A process enters its group once, at its first attempt with a limit, and its limit changes with the attempt: moving
//     a process takes the kernel some milliseconds, and what it holds stays counted where it was taken.
// G2. A group goes when its process has, and the folder of all of a worker's with the worker. What a killed worker left behind,
//     its reaper takes away, or the next worker that makes groups here.

import { mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { takeableMiB, type MemoryExcess, type MemoryWatch } from "../../core/memory.ts";
import { findGroupPlace, type GroupPlace } from "./memory-group-place.ts";

const mebibyte = 1024 * 1024;
const prefix = "stepwell-worker.";
/** What was killed may take a moment to be gone. */
const removeTriesMax = 20;
const removeEveryMs = 25;

/** All groups of one worker. */
export class MemoryGroups {
  readonly #marker: string;
  readonly #onFolder: (folder: string) => void;
  #place: GroupPlace | null | undefined;
  #folder: string | null = null;

  /** `onFolder` hears of the folder that must not outlive this process. */
  constructor(marker: string, onFolder: (folder: string) => void) {
    this.#marker = marker;
    this.#onFolder = onFolder;
  }

  /** One that the process enters; null where the kernel or its administrator does not let this worker make any. */
  enter(name: string, pid: number): MemoryGroup | null {
    try {
      this.#folder ??= this.#makeFolder();
      if (this.#folder === null || this.#place === null || this.#place === undefined) return null;
      const folder = join(this.#folder, name);
      mkdirSync(folder);
      return new MemoryGroup(folder, this.#place, { pid, onRefused: () => (this.#place = null) });
    } catch {
      this.#place = null; // Not again for each task: what is not allowed now is not allowed later.
      return null;
    }
  }

  close(): Promise<void> {
    return this.#folder === null ? Promise.resolve() : remove(this.#folder);
  }

  #makeFolder(): string | null {
    if (this.#place === undefined) this.#place = findGroupPlace();
    const place = this.#place;
    if (place === null) return null;
    removeAbandoned(place.folder);
    const folder = join(place.folder, `${prefix}${process.pid}.${this.#marker}`);
    mkdirSync(folder);
    this.#onFolder(folder);
    if (place.passesOn !== null) writeFileSync(join(folder, place.passesOn.file), place.passesOn.text);
    return folder;
  }
}

type Member = { readonly pid: number; readonly onRefused: () => void };

export class MemoryGroup {
  readonly #folder: string;
  readonly #place: GroupPlace;
  /** Resolves when the process is in it, or is found not to be. What it starts from then on is in it as well. */
  readonly entered: Promise<void>;
  #isRefused = false;
  #watch: MemoryWatch | null = null;
  #startBytes = 0;
  #killsBefore = 0;
  #hitsBefore = 0;

  constructor(folder: string, place: GroupPlace, member: Member) {
    this.#folder = folder;
    this.#place = place;
    for (const { file, text } of place.settings) this.#tryWrite(file, text);
    this.entered = this.#enter(member);
  }

  /** Whether the process could not be brought in: nothing is kept then. */
  get isRefused(): boolean {
    return this.#isRefused;
  }

  async #enter({ pid, onRefused }: Member): Promise<void> {
    try {
      await writeFile(join(this.#folder, "cgroup.procs"), String(pid));
    } catch (error) {
      this.#isRefused = true;
      if (!isError(error, "ESRCH")) onRefused(); // One that has just ended says nothing about others.
    }
  }

  /** From now on, for the attempt that begins; null: any amount. False where the kernel refuses. */
  limit(watch: MemoryWatch | null): boolean {
    const { files } = this.#place;
    try {
      if (watch === null) {
        if (this.#watch !== null) this.#write(files.limit, files.unlimited);
      } else {
        this.#startBytes = this.#unreclaimableBytes();
        this.#killsBefore = this.kills();
        this.#hitsBefore = this.#hits();
        this.#write(files.limit, String(this.#startBytes + takeableMiB(watch) * mebibyte));
        if (files.peakCanBeReset) this.#tryWrite(files.peak, "0");
      }
      this.#watch = watch;
      return true;
    } catch {
      this.#watch = null;
      this.#tryWrite(files.limit, files.unlimited);
      return false;
    }
  }

  /** What the attempt held when the kernel ended a process of it at its limit; null where it has not. */
  excess(): MemoryExcess | null {
    const watch = this.#watch;
    if (watch === null || this.kills() === this.#killsBefore || this.#hits() === this.#hitsBefore) return null;
    // The peak of a group that cannot be reset may be an earlier attempt's, but none is above this one's limit.
    const takenBytes = Math.min(Number(this.#read(this.#place.files.peak)) - this.#startBytes, takeableMiB(watch) * mebibyte);
    return { peakMiB: Math.max(watch.limitMiB, Math.round(watch.heldMiB + takenBytes / mebibyte)), limitMiB: watch.limitMiB };
  }

  /** How many of its processes the kernel has ended for want of memory, here or in all of the machine. */
  kills(): number {
    return numberIn(this.#read(this.#place.files.kills), "oom_kill");
  }

  async remove(): Promise<void> {
    await this.entered;
    await remove(this.#folder);
  }

  #hits(): number {
    const { hits } = this.#place.files;
    return hits.name === null ? Number(this.#read(hits.file)) : numberIn(this.#read(hits.file), hits.name);
  }

  /** Without the pages of files that the kernel gives up before it ends anything. */
  #unreclaimableBytes(): number {
    const { usage, reclaimable } = this.#place.files;
    const stat = this.#read("memory.stat");
    const files = reclaimable.reduce((sum, name) => sum + numberIn(stat, name), 0);
    return Math.max(0, Number(this.#read(usage)) - files);
  }

  #read(file: string): string {
    try {
      return readFileSync(join(this.#folder, file), "latin1");
    } catch {
      return ""; // Removed with its process.
    }
  }

  #write(file: string, text: string): void {
    writeFileSync(join(this.#folder, file), text);
  }

  #tryWrite(file: string, text: string): void {
    try {
      this.#write(file, text);
    } catch {
      // Not every kernel has it.
    }
  }
}

function numberIn(text: string, name: string): number {
  return Number(new RegExp(`^${name} (\\d+)$`, "m").exec(text)?.[1] ?? 0);
}

/** With the groups in it. One that still holds a process stays; whoever comes next tries again. (G2) */
async function remove(folder: string): Promise<void> {
  for (let tries = 0; tries < removeTriesMax; tries += 1) {
    if (removeNow(folder)) return;
    await new Promise((resolve) => setTimeout(resolve, removeEveryMs));
  }
  await rmdir(folder).catch(() => undefined);
}

function removeNow(folder: string): boolean {
  try {
    for (const { name } of foldersIn(folder)) rmdirSync(join(folder, name));
    rmdirSync(folder);
    return true;
  } catch (error) {
    return isError(error, "ENOENT");
  }
}

/** Those of workers that are gone. The kernel refuses to remove one with a process in it, whatever this sees of other processes. */
function removeAbandoned(place: string): void {
  for (const { name } of foldersIn(place)) {
    const pid = name.startsWith(prefix) ? Number(name.slice(prefix.length).split(".", 1)[0]) : NaN;
    if (Number.isSafeInteger(pid) && !isAlive(pid)) removeNow(join(place, name));
  }
}

function foldersIn(folder: string): readonly { readonly name: string }[] {
  return readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return isError(error, "EPERM");
  }
}

function isError(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
