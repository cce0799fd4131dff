// A coordinator elsewhere, and this machine as a worker of it for the one run that was submitted from here.

import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
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

export function attach(endpoint: Endpoint, settings: Settings): Cluster {
  const remote = openRemote(endpoint);
  let worker: Worker | null = null;
  const kill = (): void => worker?.kill();
  const spare = killAtExit(kill);
  return {
    ...remote,
    lasting: true,
    join: async (run) => {
      worker = workerFor(run, endpoint, settings);
    },
    kill,
    close: async () => {
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
    log: openLog(settings.logLevel),
  });
}
