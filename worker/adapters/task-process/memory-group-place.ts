// Where this process may make memory groups, and what their files are called there: both generations of the kernel's groups.

import { accessSync, constants, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";

type Setting = { readonly file: string; readonly text: string };

export type GroupPlace = {
  readonly folder: string;
  readonly files: {
    readonly limit: string;
    readonly unlimited: string;
    readonly usage: string;
    readonly peak: string;
    readonly peakCanBeReset: boolean;
    /** Has a line `oom_kill N`. */
    readonly kills: string;
    /** How often the limit was met: all that the file says, or its line of this name. */
    readonly hits: { readonly file: string; readonly name: string | null };
    /** In `memory.stat`. */
    readonly reclaimable: readonly string[];
  };
  /** Of each group, where the kernel has them: nothing is written to a swap instead of being ended, and all are ended together. */
  readonly settings: readonly Setting[];
  /** What a folder of groups needs so that the groups in it have limits; null where it needs nothing. */
  readonly passesOn: Setting | null;
};

const firstGeneration: Omit<GroupPlace, "folder"> = {
  files: {
    limit: "memory.limit_in_bytes",
    unlimited: "-1",
    usage: "memory.usage_in_bytes",
    peak: "memory.max_usage_in_bytes",
    peakCanBeReset: true,
    kills: "memory.oom_control",
    hits: { file: "memory.failcnt", name: null },
    reclaimable: ["total_inactive_file", "total_active_file"],
  },
  settings: [{ file: "memory.swappiness", text: "0" }],
  passesOn: null,
};

const passesMemoryOn: Setting = { file: "cgroup.subtree_control", text: "+memory" };

const secondGeneration: Omit<GroupPlace, "folder"> = {
  files: {
    limit: "memory.max",
    unlimited: "max",
    usage: "memory.current",
    peak: "memory.peak",
    peakCanBeReset: false,
    kills: "memory.events",
    hits: { file: "memory.events", name: "oom" },
    reclaimable: ["inactive_file", "active_file"],
  },
  settings: [
    { file: "memory.swap.max", text: "0" },
    { file: "memory.oom.group", text: "1" },
  ],
  passesOn: passesMemoryOn,
};

/** Where a worker of the second generation sits, so that the group around it may have limits in it. */
const agentGroup = "stepwell-agent";

/** Null where this process has no group of its own to make others in. Tests give another `root` and `proc`. */
export function findGroupPlace(root = "/sys/fs/cgroup", proc = "/proc"): GroupPlace | null {
  const own = readText(join(proc, "self/cgroup")).split("\n");
  const paths = own.map((line) => /^\d+:([^:]*):(.*)$/.exec(line)).filter((match) => match !== null);
  const first = paths.find(([, controllers = ""]) => controllers.split(",").includes("memory"));
  if (first !== undefined) {
    // Where a container sees only its own groups, the path is the one that they have outside.
    const folders = [join(root, "memory", first[2] ?? ""), join(root, "memory")];
    const folder = folders.find((each) => readText(join(each, "cgroup.procs")) !== "");
    return folder === undefined || !mayWrite(folder) ? null : { folder, ...firstGeneration };
  }
  const second = paths.find(([, controllers]) => controllers === "");
  if (second === undefined) return null;
  const folder = secondGenerationFolder(join(root, second[2] ?? ""), proc);
  return folder === null || !mayWrite(folder) ? null : { folder, ...secondGeneration };
}

/**
 * In the second generation a group with limits in it holds no process itself: a worker that is alone in its group, but for what
 * it has started, moves into one within.
 */
function secondGenerationFolder(own: string, proc: string): string | null {
  if (basename(own) === agentGroup) return dirname(own);
  if (!readText(join(own, "cgroup.controllers")).split(/\s/).includes("memory")) return null;
  const pids = pidsIn(own);
  if (pids.length === 0 || !pids.every((pid) => isOwn(pid, proc))) return null;
  try {
    mkdirSync(join(own, agentGroup), { recursive: true });
    // What was started meanwhile is in the list of the next look.
    for (let look = 0; look < looksMax; look += 1)
      for (const pid of pidsIn(own)) writeFileSync(join(own, agentGroup, "cgroup.procs"), String(pid));
    writeFileSync(join(own, passesMemoryOn.file), passesMemoryOn.text);
    return own;
  } catch {
    return null;
  }
}

const looksMax = 3;

function pidsIn(folder: string): readonly number[] {
  return readText(join(folder, "cgroup.procs")).split("\n").filter(Boolean).map(Number);
}

/** This process, or one that descends from it. */
function isOwn(pid: number, proc: string): boolean {
  for (let at = pid; at > 1; at = Number(/^PPid:\s+(\d+)$/m.exec(readText(join(proc, `${at}/status`)))?.[1] ?? 0)) {
    if (at === process.pid) return true;
  }
  return pid === process.pid;
}

function mayWrite(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}
