// Launches workers by calling a function: for tests, and for workers that live in the coordinator's own process.

import { randomUUID } from "node:crypto";
import type { LaunchId } from "../../proto/launch.ts";
import type { Shape } from "../../proto/shape.ts";
import {
  failuresToldMax,
  type Ending,
  type FoundJob,
  type JobFailure,
  type JobReport,
  type LaunchAnswer,
  type Launcher,
  type LaunchRequest,
  type WorkerSize,
} from "../ports/launcher.ts";

type MemoryWorker = { readonly ended: Promise<number>; stop(): void };

export type MemoryLauncherOptions = {
  /** Its environment is as a service's would be. `ended` gives its exit code. */
  readonly start: (environment: Readonly<Record<string, string>>, worker: { readonly job: string; readonly index: number }) => MemoryWorker;
  readonly sizeOf: (shape: Shape) => WorkerSize | null;
};

type Started = { readonly worker: MemoryWorker; stage: "running" | "succeeded" | "failed"; stopped: boolean; failure: JobFailure | null };

export class MemoryLauncher implements Launcher {
  readonly countMax = 10_000;
  readonly lagMs = 0;
  readonly sizeOf: Launcher["sizeOf"];
  readonly #start: MemoryLauncherOptions["start"];
  readonly #jobs = new Map<string, { readonly launch: LaunchId; readonly workers: readonly Started[] }>();

  constructor({ start, sizeOf }: MemoryLauncherOptions) {
    this.#start = start;
    this.sizeOf = sizeOf;
  }

  async launch({ launch, shape, count, environment }: LaunchRequest): Promise<LaunchAnswer> {
    if (this.sizeOf(shape) === null) return { kind: "refused", reason: "there can be no such worker" };
    const job = randomUUID();
    this.#jobs.set(job, { launch, workers: Array.from({ length: count }, (_, index) => this.#started(environment, job, index)) });
    return { kind: "launched", job };
  }

  #started(environment: Readonly<Record<string, string>>, job: string, index: number): Started {
    const worker = this.#start(environment, { job, index });
    const started: Started = { worker, stage: "running", stopped: false, failure: null };
    void this.#watch(started, index);
    return started;
  }

  async #watch(started: Started, index: number): Promise<void> {
    const exitCode = await started.worker.ended;
    started.stage = exitCode === 0 ? "succeeded" : "failed";
    if (exitCode === 0) return;
    const kind = started.stopped ? "ended" : "exit";
    started.failure = { index, kind, exitCode, reason: `it ended with ${exitCode}` };
  }

  async find(launches: readonly LaunchId[]): Promise<readonly FoundJob[]> {
    return [...this.#jobs]
      .filter(([, { launch }]) => launches.includes(launch))
      .map(([job, { launch, workers }]) => ({ launch, job, over: workers.every(({ stage }) => stage !== "running") }));
  }

  async describe(jobs: readonly string[]): Promise<readonly (JobReport | null)[]> {
    return jobs.map((job) => {
      const workers = this.#jobs.get(job)?.workers;
      if (workers === undefined) return null;
      const count = (stage: Started["stage"]): number => workers.filter((worker) => worker.stage === stage).length;
      const stages = { waiting: 0, starting: 0, running: count("running"), succeeded: count("succeeded"), failed: count("failed") };
      const failures = workers.flatMap(({ failure }) => failure ?? []).slice(0, failuresToldMax);
      return { job, stages, waitsFor: null, failures, link: null };
    });
  }

  async end(what: readonly Ending[]): Promise<void> {
    for (const { job, indexes } of what)
      for (const [index, started] of (this.#jobs.get(job)?.workers ?? []).entries()) {
        if (started.stage !== "running" || (indexes !== null && !indexes.includes(index))) continue;
        started.stopped = true;
        started.worker.stop();
      }
  }

  async close(): Promise<void> {
    // Its workers are their owner's.
  }
}
