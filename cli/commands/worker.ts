// `stepwell worker`: offers this machine to a coordinator until it is told to stop.

import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import type { CoordinatorLog } from "../../coordinator/shell/log.ts";
import type { Worker } from "../../worker/main.ts";
import { CliError, exitCodes, type ExitCode } from "../cli-error.ts";
import { cacheOf, offerOf } from "../cluster/offer.ts";
import { serveUntilStopped } from "../cluster/daemon.ts";
import type { Context } from "../context.ts";
import { endpointOf } from "../endpoint.ts";
import { openServiceLog } from "../log.ts";
import { packageVersion } from "../package-version.ts";

export async function worker(context: Context): Promise<ExitCode> {
  const { settings, timeoutMs, env } = context;
  const endpoint = endpointOf({ ...settings, local: false }, env);
  if (endpoint === null) {
    throw new CliError("missing", "stepwell worker needs a coordinator", {
      hint: "stepwell worker --coordinator HOST:7420, STEPWELL_COORDINATOR, or a profile",
    });
  }
  const log = openServiceLog("worker", context);
  const { startWorker } = await import("../../worker/main.ts");
  const started = startWorker({
    coordinator: endpoint,
    slots: settings.slots,
    id: `${hostname()}-${randomUUID().slice(0, 4)}`,
    version: packageVersion(),
    store: cacheOf(settings),
    offer: offerOf(settings),
    isolation: settings.isolation,
    labels: settings.labels,
    runs: [],
    log,
  });
  return serveUntilStopped(
    { drain: () => started.drain(), stop: () => started.stop(), ended: endOf(started, log) },
    { drainSeconds: settings.drainSeconds, timeoutMs, log },
  );
}

/** Of itself it ends when its coordinator sends it away, or wants it no more. */
async function endOf(started: Worker, log: CoordinatorLog): Promise<ExitCode> {
  const lost = await Promise.race([started.lost, started.sentAway]);
  if (lost !== undefined) return exitCodes.internal;
  log.info({ event: "worker.sentAway" }, "the coordinator has sent this worker away, and it has finished");
  await started.stop();
  return exitCodes.ok;
}
