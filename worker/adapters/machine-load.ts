// How busy this machine is, as far as the system tells.

import { cpus, freemem, totalmem } from "node:os";
import type { MachineLoad } from "../../proto/view.ts";

const mebibyte = 1024 * 1024;

type Ticks = { readonly busyMs: number; readonly allMs: number };

/** Answers for the time since it was asked before. */
export function loadMeter(): () => MachineLoad {
  let before = ticks();
  return () => {
    const now = ticks();
    const [busyMs, allMs] = [now.busyMs - before.busyMs, now.allMs - before.allMs];
    before = now;
    // A container may have less than its machine.
    const limit = process.constrainedMemory();
    const limited = limit > 0 && limit < totalmem();
    const total = limited ? limit : totalmem();
    const free = limited ? process.availableMemory() : freemem();
    const cpuShare = allMs <= 0 ? 0 : Math.min(1, Math.max(0, busyMs / allMs));
    return { cpuShare, usedMiB: Math.round(Math.max(0, total - free) / mebibyte), totalMiB: Math.round(total / mebibyte) };
  };
}

function ticks(): Ticks {
  let [busyMs, allMs] = [0, 0];
  for (const { times } of cpus()) {
    const oneMs = times.user + times.nice + times.sys + times.irq;
    busyMs += oneMs;
    allMs += oneMs + times.idle;
  }
  return { busyMs, allMs };
}
