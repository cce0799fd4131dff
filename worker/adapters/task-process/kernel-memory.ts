// What the kernel tells about memory: what a process holds, and whether it has ended processes for want of it.

import { readFileSync } from "node:fs";

/** MiB that a process holds now; 0 where that cannot be told. */
export function residentMiB(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(readText(`/proc/${pid}/status`));
  return line === null ? 0 : Math.round(Number(line[1]) / 1024);
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
