// A worker that stays for as long as its coordinator may want it: one that has given up a coordinator that was away too long, and
// ended what it ran, is followed by another, which waits for it. One that is refused, or could never be let in with the
// settings that it has, ends, as does one that was launched: whoever launched it launches another.

import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import type { CoordinatorLog } from "../../coordinator/shell/log.ts";
import type { LaunchClaim } from "../../proto/launch.ts";
import type { Endpoint } from "../../sdk/wire/endpoint.ts";
import { startWorker, type Worker } from "../../worker/main.ts";
import type { WorkerFigures } from "../../worker/shell/worker-metrics.ts";
import { exitCodes, type ExitCode } from "../cli-error.ts";
import { packageVersion } from "../package-version.ts";
import type { Settings } from "../settings.ts";
import { cacheOf, offerOf } from "./offer.ts";

export type LastingWorkerOptions = {
  readonly endpoint: Endpoint;
  readonly settings: Settings;
  readonly log: CoordinatorLog;
  /** Null where nobody launched it. */
  readonly launch: LaunchClaim | null;
};

export class LastingWorker {
  /** Settles where it ends by itself: its coordinator has sent it away, or refuses it. */
  readonly ended: Promise<ExitCode>;
  readonly #options: LastingWorkerOptions;
  #worker: Worker;

  /** @throws AddressError */
  constructor(options: LastingWorkerOptions) {
    this.#options = options;
    this.#worker = this.#start();
    this.ended = this.#last();
  }

  drain(withinMs: number): Promise<void> {
    return this.#worker.drain(withinMs);
  }

  /** Of the worker that is there now. */
  figures(): WorkerFigures {
    return this.#worker.figures();
  }

  stop(): Promise<void> {
    return this.#worker.stop();
  }

  async #last(): Promise<ExitCode> {
    const { log } = this.#options;
    for (;;) {
      const lost = await Promise.race([this.#worker.lost, this.#worker.sentAway]);
      if (lost === undefined) {
        log.info(
          { event: "worker.sentAway", worker_id: this.#worker.id },
          "the coordinator has sent this worker away, and it has finished",
        );
        await this.#worker.stop();
        return exitCodes.ok;
      }
      if (lost.refused) return exitCodes.unauthorized;
      if (this.#options.launch !== null) return exitCodes.ok;
      this.#worker = this.#start();
    }
  }

  #start(): Worker {
    const { endpoint, settings, log, launch } = this.#options;
    return startWorker({
      coordinator: endpoint,
      slots: settings.slots,
      // A new one each time: what the one before held is nobody's.
      id: `${launch === null ? hostname() : `${launch.launch}-${launch.index}`}-${randomUUID().slice(0, 4)}`,
      version: packageVersion(),
      store: cacheOf(settings),
      offer: offerOf(settings),
      isolation: settings.isolation,
      labels: settings.labels,
      runs: [],
      log,
      lasting: launch === null,
      ...(launch !== null && { launch, awayMsMax: 1000 * settings.orphanSeconds }),
    });
  }
}
