// Tells a living process from one whose number was given to another: by when it started.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

/**
 * What no two processes of one machine share: its boot and the moment of the start. Null where no such process lives.
 * A process that has ended but whose parent hasn't fetched its exit code counts as dead.
 */
export function startOfProcess(pid: number): string | null {
  return process.platform === "linux" ? startFromProc(pid) : startFromPs(pid);
}

function startFromProc(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The command's name is in parentheses and may hold anything; the fields after it are counted from the state, field 3.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const [state, startTicks] = [fields[0], fields[22 - 3]];
    if (state === "Z" || state === "X" || startTicks === undefined) return null;
    return `${bootId()}:${startTicks}`;
  } catch {
    return null;
  }
}

function bootId(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
}

function startFromPs(pid: number): string | null {
  try {
    const line = execFileSync("ps", ["-o", "stat=,lstart=", "-p", String(pid)], { encoding: "utf8", env: { ...process.env, LC_ALL: "C" } });
    const [state, ...start] = line.trim().split(/\s+/);
    return state === undefined || state.startsWith("Z") || start.length === 0 ? null : start.join(" ");
  } catch {
    return null;
  }
}
