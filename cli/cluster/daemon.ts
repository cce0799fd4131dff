// A process that serves until it is told to stop: the first signal lets what runs come to its end within a deadline, the
// second ends everything at once.

import { setTimeout as after } from "node:timers/promises";
import type { CoordinatorLog } from "../../coordinator/shell/log.ts";
import { exitCodes, type ExitCode } from "../cli-error.ts";
import { Interrupts, type Interrupt } from "../interrupts.ts";

export type Daemon = {
  /** Takes nothing more, and resolves when what runs has ended, or has been given back after `withinMs`. */
  drain(withinMs: number): Promise<void>;
  /** Ends in an orderly way what is still there. */
  stop(): Promise<void>;
  /** Resolves with an exit code where it ends by itself. */
  readonly ended?: Promise<ExitCode>;
};

export type DaemonOptions = { readonly drainSeconds: number; readonly timeoutMs: number | null; readonly log: CoordinatorLog };

/** For giving back what has not ended by then. Milliseconds. */
const overtimeMs = 4000;

/** Resolves when everything has stopped. A second signal exits the process with the signal's own code. */
export async function serveUntilStopped(daemon: Daemon, { drainSeconds, timeoutMs, log }: DaemonOptions): Promise<ExitCode> {
  const asked = Promise.withResolvers<Interrupt>();
  const again = Promise.withResolvers<Interrupt>();
  const interrupts = new Interrupts(timeoutMs, { first: asked.resolve, again: again.resolve });
  try {
    const first = await Promise.race([asked.promise, daemon.ended ?? new Promise<never>(() => undefined)]);
    if (typeof first === "number") return first;
    log.info({ event: "service.stopping", signal: first.cause, drain_seconds: drainSeconds }, "stopping: waiting for what runs");
    const deadline = new AbortController();
    const late = after(drainSeconds * 1000 + overtimeMs, "late" as const, { signal: deadline.signal }).catch(() => "late" as const);
    const drained = await Promise.race([daemon.drain(drainSeconds * 1000).then(() => "drained" as const), late, again.promise]);
    deadline.abort();
    if (drained === "late")
      log.warn({ event: "service.late", drain_seconds: drainSeconds }, "not everything has ended in time: it is stopped");
    if (typeof drained === "object") return drained.exit;
    const stopped = await Promise.race([daemon.stop(), again.promise]);
    if (typeof stopped === "object") return stopped.exit;
    log.info({ event: "service.stopped" }, "stopped");
    return first.cause === "timeout" ? first.exit : exitCodes.ok;
  } finally {
    interrupts.close();
  }
}
