// Names the way in which a task process ended that nobody had asked to end.

import type { Failure } from "../../proto/failure.ts";
import type { MemoryExcess } from "./memory.ts";

/** What is known of a process that is gone. */
export type Death = {
  /** Null where a signal ended it. */
  readonly code: number | null;
  readonly signal: string | null;
  /** It had loaded itself and could take an order. */
  readonly wasReady: boolean;
  /** Set where the operating system refused to start it at all. */
  readonly spawnError: string | null;
  /** The last that it wrote to stderr. */
  readonly stderrTail: string;
  /** The kernel has ended a process of the worker's memory group since this one started. */
  readonly kernelOutOfMemory: boolean;
  /** Set where the kernel has ended it, or a process of it, at the limit of its attempt. */
  readonly excess: MemoryExcess | null;
  readonly peakMiB: number;
};

const heapExhausted = /heap out of memory|FATAL ERROR: .*(Allocation|allocation) failed|FATAL ERROR: .*OOM/;

export function failureOfDeath(death: Death): Failure {
  if (death.spawnError !== null) return { kind: "start", message: `the task process could not be started: ${death.spawnError}` };
  if (death.excess !== null) return { kind: "outOfMemory", ...death.excess };
  if (heapExhausted.test(death.stderrTail)) {
    return { kind: "outOfMemory", peakMiB: Math.max(death.peakMiB, heapMiBIn(death.stderrTail)), limitMiB: null };
  }
  if (death.signal === "SIGKILL" && death.kernelOutOfMemory) return { kind: "outOfMemory", peakMiB: death.peakMiB, limitMiB: null };
  if (!death.wasReady)
    return { kind: "start", message: `the task process ended ${howItEnded(death)} while it was loading${lastWords(death.stderrTail)}` };
  if (death.signal !== null) return { kind: "signal", signal: death.signal };
  return { kind: "exit", code: death.code ?? 0 };
}

/** The engine's last words name the size of the heap after each collection: `29.9 (32.0) -> 29.1 (33.5) MB`. */
function heapMiBIn(stderrTail: string): number {
  const sizes = [...stderrTail.matchAll(/-> [\d.]+ \(([\d.]+)\) MB/g)].map(([, size]) => Number(size));
  return Math.ceil(Math.max(0, ...sizes));
}

function howItEnded(death: Death): string {
  return death.signal === null ? `with code ${death.code ?? 0}` : `by ${death.signal}`;
}

function lastWords(stderrTail: string): string {
  const text = stderrTail.trim();
  return text === "" ? "" : `: ${text.slice(-2000)}`;
}
