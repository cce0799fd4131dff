// What the kernel tells about memory: what a process holds, and whether it has ended processes for want of it.

import { readdirSync, readFileSync } from "node:fs";

/** MiB that a process and all that it started hold now, what they share counted for each; 0 where that cannot be told. */
export function treeResidentMiB(pid: number): number {
  const found = [pid];
  let kibibytes = 0;
  for (const each of found) {
    kibibytes += residentKiB(each);
    if (found.length < processesMax) found.push(...childrenOf(each));
  }
  return Math.round(kibibytes / 1024);
}

/** A step that starts more is not counted to its end. */
const processesMax = 1000;

function residentKiB(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(readText(`/proc/${pid}/status`));
  return line === null ? 0 : Number(line[1]);
}

/** The kernel keeps them by thread. */
function childrenOf(pid: number): readonly number[] {
  const texts = namesIn(`/proc/${pid}/task`).map((thread) => readText(`/proc/${pid}/task/${thread}/children`));
  return texts.flatMap((text) => (text === "" ? [] : text.trim().split(" ").map(Number)));
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** How often the kernel has ended a process of this process's memory group so far; it only rises. */
export function kernelKills(): number {
  const file = (memoryEventsFile ??= findMemoryEvents());
  const line = /^oom_kill (\d+)$/m.exec(file === "" ? "" : readText(file));
  return line === null ? 0 : Number(line[1]);
}

let memoryEventsFile: string | null = null;

function findMemoryEvents(): string {
  for (const line of readText("/proc/self/cgroup").split("\n")) {
    const [, controllers, path] = line.split(":");
    if (path === undefined) continue;
    const folder = path === "/" ? "" : path;
    const files =
      controllers === "memory"
        ? [`/sys/fs/cgroup/memory${folder}/memory.oom_control`, "/sys/fs/cgroup/memory/memory.oom_control"]
        : [`/sys/fs/cgroup${folder}/memory.events`, "/sys/fs/cgroup/memory.events"];
    if (controllers !== "memory" && controllers !== "") continue;
    const found = files.find((file) => readText(file).includes("oom_kill "));
    if (found !== undefined) return found;
  }
  return "";
}

function readText(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}
