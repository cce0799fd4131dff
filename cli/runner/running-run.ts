// A run that goes on in this process.
//
// G1. Everything that the run started has ended before `finished` resolves: coordinator, worker and task processes.
// G2. Who reads events or lines gets them to the last, however slow: they are taken from the coordinator before it ends.

import { inspect } from "node:util";
import type { Control } from "../../proto/control.ts";
import type { RecordedEvent, RunStatus } from "../../proto/event.ts";
import type { RunId } from "../../proto/ids.ts";
import type { LogLine } from "../../proto/view.ts";
import type { Session } from "../../sdk/client/connection.ts";
import { Run, type RunLogsOptions } from "../../sdk/client/run.ts";
import type { Cluster } from "../reader.ts";
import { Pump } from "./pump.ts";

/** `session` outlives the cluster, which ends with the run. */
type Parts = { readonly cluster: Cluster; readonly session: Session; readonly signal: AbortSignal | null };

export class RunningRun<F> {
  /** `TrainFlow/17`. */
  readonly id: RunId;
  /** Resolves when the run has ended, whatever its status, and everything that it started has too. */
  readonly finished: Promise<Run<F>>;
  readonly #parts: Parts;
  readonly #pumps = new Set<Promise<void>>();
  #ended = false;

  constructor(id: RunId, parts: Parts) {
    this.id = id;
    this.#parts = parts;
    this.finished = this.#finish();
    // Whoever waits for the end is told; a caller who doesn't must not lose the process to it.
    this.finished.catch(() => undefined);
  }

  /** The run as it is now. */
  async read(): Promise<Run<F>> {
    return new Run<F>(this.#parts.session, await this.#control.run(this.id));
  }

  async status(): Promise<RunStatus> {
    return (await this.read()).status;
  }

  /** Lines of all attempts from the first on and as they are printed, until the run has ended. */
  logLines(options: Omit<RunLogsOptions, "follow"> = {}): AsyncIterable<LogLine> {
    return this.#pumped(() => this.#control.logs({ run: this.id, attempt: "all", ...options, follow: true }));
  }

  /** What has happened and what happens, until the run has ended. */
  events(): AsyncIterable<RecordedEvent> {
    return this.#pumped(() => this.#control.events(this.id, 0));
  }

  /** Resolves when the wish is recorded; `finished` resolves when the tasks have ended. A run that has ended stays as it is. */
  async cancel(): Promise<void> {
    try {
      await this.#control.cancel(this.id, { by: `the program of ${this.#parts.session.user}` });
    } catch (error) {
      if ((await this.read()).finished) return;
      throw error;
    }
  }

  toJSON(): object {
    return { pathspec: this.id };
  }

  [inspect.custom](): string {
    return `RunningRun ${this.id}`;
  }

  /** The coordinator's own while it is there. */
  get #control(): Control {
    return this.#ended ? this.#parts.session.connection.control : this.#parts.cluster.control;
  }

  async *#pumped<T>(open: () => AsyncIterable<T>): AsyncGenerator<T, void, undefined> {
    const pump = new Pump(open());
    this.#pumps.add(pump.ended);
    void pump.ended.then(() => this.#pumps.delete(pump.ended));
    yield* pump.read();
  }

  async #finish(): Promise<Run<F>> {
    const { cluster, session, signal } = this.#parts;
    const onAbort = (): void => void this.cancel().catch(() => undefined);
    signal?.addEventListener("abort", onAbort, { once: true });
    if (signal?.aborted === true) onAbort();
    try {
      for await (const _event of cluster.control.events(this.id, 0)) {
        // Only the end of the stream matters.
      }
      await Promise.all(this.#pumps);
      this.#ended = true;
    } finally {
      signal?.removeEventListener("abort", onAbort);
      await cluster.close();
    }
    return new Run<F>(session, await session.connection.control.run(this.id));
  }
}
