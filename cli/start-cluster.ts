// What a run that this process starts is run by: a cluster of one in this process, or a coordinator elsewhere with this
// machine as one of its workers, for that run alone.

import type { Endpoint } from "../sdk/wire/endpoint.ts";
import { endpointOf } from "./endpoint.ts";
import type { Cluster } from "./reader.ts";
import type { Settings } from "./settings.ts";
import type { Environment } from "./terminal.ts";

/** `detached`: this machine takes no part in running. @throws LedgerError, CliError badConfig */
export async function startCluster(settings: Settings, env: Environment, detached = false): Promise<Cluster> {
  const endpoint = endpointOf(settings, env);
  if (endpoint !== null) return startAttached(endpoint, settings, detached);
  const { startLocal } = await import("./local-cluster.ts");
  const { dir, maxWorkers, isolation, logLevel } = settings;
  return startLocal({ dir, slots: maxWorkers, isolation, log: logLevel });
}

async function startAttached(endpoint: Endpoint, settings: Settings, detached: boolean): Promise<Cluster> {
  if (!detached) {
    const { attach } = await import("./cluster/attached.ts");
    return attach(endpoint, settings);
  }
  const { openRemote } = await import("./cluster/remote.ts");
  return { ...openRemote(endpoint), lasting: true, join: () => Promise.resolve(), kill: () => undefined };
}
