// `stepwell worker`: offers this machine to a coordinator until it is told to stop.

import { CliError, type ExitCode } from "../cli-error.ts";
import { serveUntilStopped } from "../cluster/daemon.ts";
import { launchClaimFrom } from "../cluster/launched.ts";
import { LastingWorker } from "../cluster/lasting-worker.ts";
import { leftBeforeMachine } from "../cluster/spot-end.ts";
import type { Context } from "../context.ts";
import { endpointOf } from "../endpoint.ts";
import { openServiceLog } from "../log.ts";
import type { CoordinatorLog } from "../../coordinator/shell/log.ts";

export async function worker(context: Context): Promise<ExitCode> {
  const { settings, timeoutMs, env } = context;
  const endpoint = endpointOf({ ...settings, local: false }, env);
  if (endpoint === null) {
    throw new CliError("missing", "stepwell worker needs a coordinator", {
      hint: "stepwell worker --coordinator HOST:7420, STEPWELL_COORDINATOR, or a profile",
    });
  }
  const log = openServiceLog("worker", context);
  const lasting = new LastingWorker({ endpoint, settings, log, launch: launchClaimFrom(env) });
  const closeWatch = await watch(settings.workerHttp, lasting, log);
  const over = new AbortController();
  const drain = (withinMs: number): Promise<void> => lasting.drain(withinMs);
  const left = leftBeforeMachine({ env, log, drain, signal: over.signal });
  try {
    return await serveUntilStopped(
      { drain, stop: () => lasting.stop(), ended: Promise.race([lasting.ended, left.finally(() => void lasting.stop())]) },
      { drainSeconds: settings.drainSeconds, timeoutMs, log },
    );
  } finally {
    over.abort();
    await closeWatch?.();
  }
}

/** A worker that cannot be watched as was asked for does not begin. */
async function watch(http: string, lasting: LastingWorker, log: CoordinatorLog): Promise<(() => Promise<void>) | null> {
  if (http === "") return null;
  try {
    const { watchWorker } = await import("../cluster/worker-watch.ts");
    return await watchWorker(http, () => lasting.figures(), log);
  } catch (error) {
    await lasting.stop();
    throw error;
  }
}
