// Says in the log that the coordinator is away, as often as core/absence.ts finds it worth a line.

import { tell, type Told } from "../core/absence.ts";
import type { WorkerLog } from "../ports/log.ts";

type FailedTry = { readonly reason: string; readonly tries: number; readonly retryMs: number; readonly worrying: boolean };

export class AbsenceLog {
  readonly #log: WorkerLog;
  readonly #worker: string;
  #told: Told | null = null;

  constructor(log: WorkerLog, worker: string) {
    this.#log = log;
    this.#worker = worker;
  }

  failed({ reason, tries, retryMs, worrying }: FailedTry): void {
    const told = tell(this.#told, { reason, worrying, atMs: performance.now() });
    if (told === null) return;
    const message = this.#told === null ? "no connection to the coordinator" : "still no connection to the coordinator";
    this.#told = told;
    const fields = { event: "worker.disconnected", worker_id: this.#worker, reason, tries, retry_ms: Math.round(retryMs) };
    this.#log[worrying ? "warn" : "info"](fields, message);
  }

  over(): void {
    this.#told = null;
  }
}
