// A coordinator elsewhere, and this machine as a worker of it for the one run that was submitted from here.

import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { setTimeout as after } from "node:timers/promises";
import type { CoordinatorLog } from "../../coordinator/shell/log.ts";
import type { RunId } from "../../proto/ids.ts";
import type { Endpoint } from "../../sdk/wire/endpoint.ts";
import { startWorker, type Worker } from "../../worker/main.ts";
import { killAtExit } from "../kill-at-exit.ts";
import { openLog } from "../log.ts";
import { packageVersion } from "../package-version.ts";
import type { Cluster } from "../reader.ts";
import type { Settings } from "../settings.ts";
import { cacheOf, offerOf } from "./offer.ts";
import { openRemote } from "./remote.ts";

/** Steps get two seconds of it to tidy up; a coordinator that has just started again, time to be found. */
const giveBackMsMax = 5000;

export function attach(endpoint: Endpoint, settings: Settings): Cluster {
  const remote = openRemote(endpoint);
  let worker: Worker | null = null;
  let killed = false;
  const kill = (): void => {
    killed = true;
    worker?.kill();
  };
  const spare = killAtExit(kill);
  return {
    ...remote,
    lasting: true,
    join: async (run) => {
      worker = workerFor(run, endpoint, settings);
    },
    kill,
    close: async () => {
      // Of a run that goes on without this machine, what runs here is given back, so that others need not find it lost.
      if (worker !== null && !killed) await Promise.race([worker.drain(0), after(giveBackMsMax, undefined, { ref: false })]);
      await worker?.stop();
      spare();
      await remote.close();
    },
  };
}

function workerFor(run: RunId, endpoint: Endpoint, settings: Settings): Worker {
  return startWorker({
    coordinator: endpoint,
    slots: settings.slots,
    id: `${settings.user}@${hostname()}-${randomUUID().slice(0, 4)}`,
    version: packageVersion(),
    store: cacheOf(settings),
    offer: offerOf(settings),
    isolation: settings.isolation,
    labels: settings.labels,
    runs: [run],
    log: withoutAbsences(openLog(settings.logLevel)),
  });
}

/** That the coordinator is away is told once, by whoever watches the run. */
function withoutAbsences(log: CoordinatorLog): CoordinatorLog {
  return {
    ...log,
    warn: (fields, message) => (fields["event"] === "worker.disconnected" ? log.info(fields, message) : log.warn(fields, message)),
  };
}
