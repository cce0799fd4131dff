// The HTTP port of a worker's process, where it is wanted: loaded only then.

import type { CoordinatorLog } from "../../coordinator/shell/log.ts";
import type { WorkerFigures } from "../../worker/shell/worker-metrics.ts";
import { packageVersion } from "../package-version.ts";
import { addressOf } from "./tcp-address.ts";

/** Returns the function that ends it. @throws CliError badValue, or the reason why it cannot listen there */
export async function watchWorker(http: string, figures: () => WorkerFigures, log: CoordinatorLog): Promise<() => Promise<void>> {
  const at = addressOf(http, "--http");
  const [{ Registry }, { watchProcess }, { countWorker }, { startWatchServer }] = await Promise.all([
    import("../../sdk/metrics/registry.ts"),
    import("../../sdk/metrics/process-metrics.ts"),
    import("../../worker/shell/worker-metrics.ts"),
    import("../../worker/adapters/watch-server.ts"),
  ]);
  const registry = new Registry();
  countWorker(registry, figures);
  const end = watchProcess(registry, packageVersion());
  const server = await startWatchServer(at, registry);
  log.info({ event: "worker.http", http: `${at.host}:${server.port}` }, "health and metrics are served");
  return async () => {
    end();
    await server.close();
  };
}
