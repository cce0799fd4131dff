// Which task process gets an order, and how many to start ahead of need.
//
// P1. A process runs one order at a time.
// P2. A process is used again only for the code package and the environment that it was used for before.
// P3. An isolated order gets a process that has run nothing.
// P4. An order that others may follow in the same process gets none that was started for one task.
// P5. At most `slots + 1` processes are alive, as long as no more than `slots` orders run.

/** A process that can take an order now or as soon as it has loaded itself. */
export type PooledProcess = {
  readonly id: number;
  readonly kind: "starting" | "idle" | "busy";
  /** Identity of the environment variables that it was started with. */
  readonly environment: string;
  /** The code package that it has loaded; null where it has run nothing. */
  readonly codePackage: string | null;
  /** Started for one task. */
  readonly once: boolean;
};

export type Wanted = { readonly environment: string; readonly codePackage: string; readonly isolated: boolean };

/** Finished attempts that are looked back on for whether processes get used up. */
export const attemptsRemembered = 16;

/** The process for an order, the soonest one first; null where one must be started. Processes that wait for another order are not offered. */
export function chooseProcess(processes: readonly PooledProcess[], wanted: Wanted): PooledProcess | null {
  let best: PooledProcess | null = null;
  let bestRank = Infinity;
  for (const process of processes) {
    const rank = rankOf(process, wanted);
    if (rank < bestRank) {
      best = process;
      bestRank = rank;
    }
  }
  return best;
}

function rankOf(process: PooledProcess, wanted: Wanted): number {
  if (process.kind === "busy" || process.environment !== wanted.environment) return Infinity; // P1, P2
  if (process.codePackage !== null) return wanted.isolated || process.codePackage !== wanted.codePackage ? Infinity : 0; // P2, P3
  if (process.once && !wanted.isolated) return Infinity; // P4
  return process.kind === "idle" ? 1 : 2;
}

/** An idle process to end so that another may be started, the least useful first; null where there is room. */
export function chooseEvicted(processes: readonly PooledProcess[], slots: number): PooledProcess | null {
  if (processes.length <= slots) return null;
  return (
    processes.find((process) => process.kind === "idle" && process.codePackage !== null) ??
    processes.find((process) => process.kind === "idle") ??
    null
  );
}

/** How many processes to start now, beyond those that waiting orders have asked for. */
export function sparesToStart(processes: readonly PooledProcess[], slots: number, used: readonly boolean[]): number {
  const usedUp = used.some((one) => one);
  if (!usedUp) return 0;
  const fresh = processes.filter((process) => process.kind !== "busy" && process.codePackage === null).length;
  // A process is being used up about as fast as a new one loads: one spare for each slot pays, P5 allows one beyond them.
  return Math.max(0, Math.min(slots - fresh, slots + 1 - processes.length));
}
