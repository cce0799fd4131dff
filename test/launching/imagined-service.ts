// A service that starts workers, imagined second by second: it loses answers, doubles jobs, lags, throttles, never starts,
// and takes hosts back. Its workers run tasks of one shape for whoever lets them in.

import type { LaunchId } from "../../proto/launch.ts";
import type { FoundJob, JobFailure, JobReport, LaunchAnswer } from "../../coordinator/ports/launcher.ts";
import type { Random } from "../simulation/random.ts";

export type Faults = {
  readonly throttled: number;
  readonly unavailable: number;
  readonly refused: number;
  /** The answer is lost, and the job may be there or not. */
  readonly ambiguous: number;
  readonly doubled: number;
  readonly neverStarts: number;
  readonly diesBeforeItComes: number;
  /** Of each running worker, each second. */
  readonly hostLost: number;
};

export const noFaults: Faults = {
  throttled: 0,
  unavailable: 0,
  refused: 0,
  ambiguous: 0,
  doubled: 0,
  neverStarts: 0,
  diesBeforeItComes: 0,
  hostLost: 0,
};

export type ImaginedWorker = {
  readonly launch: LaunchId;
  readonly job: string;
  readonly index: number;
  readonly name: string;
  stage: "waiting" | "starting" | "running" | "succeeded" | "failed";
  /** Second in which it begins to run; null: never. */
  readonly runsAt: number | null;
  readonly diesAtOnce: boolean;
  failure: JobFailure | null;
  /** Of the coordinator's lease on it. */
  connection: "none" | "in" | "draining";
  /** Seconds that its tasks still take. */
  tasks: number[];
  idleSince: number;
  /** Seconds without a coordinator. */
  alone: number;
};

type ImaginedJob = { readonly launch: LaunchId; readonly job: string; readonly madeAt: number; readonly workers: ImaginedWorker[] };

export const lagSeconds = 20;

export class ImaginedService {
  readonly jobs = new Map<string, ImaginedJob>();
  /** Calls that start something. */
  submissions = 0;
  faults: Faults;
  readonly #random: Random;

  constructor(random: Random, faults: Faults) {
    this.#random = random;
    this.faults = faults;
  }

  launch(launch: LaunchId, count: number, at: number): LaunchAnswer {
    this.submissions += 1;
    const { throttled, unavailable, refused, ambiguous, doubled } = this.faults;
    if (this.#random.chance(throttled)) return { kind: "throttled", reason: "too many requests" };
    if (this.#random.chance(unavailable)) return { kind: "unavailable", reason: "503" };
    if (this.#random.chance(refused)) return { kind: "refused", reason: "no such queue" };
    if (this.#random.chance(ambiguous)) {
      if (this.#random.chance(0.5)) this.#make(launch, count, at);
      return { kind: "ambiguous", reason: "the connection was lost" };
    }
    const job = this.#make(launch, count, at);
    return { kind: "launched", job: this.#random.chance(doubled) ? this.#make(launch, count, at) : job };
  }

  #make(launch: LaunchId, count: number, at: number): string {
    const job = `job-${this.jobs.size}`;
    const workers = Array.from({ length: count }, (_, index): ImaginedWorker => {
      const neverStarts = this.#random.chance(this.faults.neverStarts);
      return {
        launch,
        job,
        index,
        name: `${job}:${index}`,
        stage: "waiting",
        runsAt: neverStarts ? null : at + 2 + this.#random.below(40),
        diesAtOnce: this.#random.chance(this.faults.diesBeforeItComes),
        failure: null,
        connection: "none",
        tasks: [],
        idleSince: at,
        alone: 0,
      };
    });
    this.jobs.set(job, { launch, job, madeAt: at, workers });
    return job;
  }

  find(launch: LaunchId, at: number): readonly FoundJob[] {
    return [...this.jobs.values()]
      .filter((job) => job.launch === launch && at - job.madeAt >= this.#lag())
      .map(({ job, workers }) => ({ launch, job, over: workers.every(isOver) }));
  }

  describe(name: string, at: number): JobReport | null {
    const job = this.jobs.get(name);
    if (job === undefined || at - job.madeAt < this.#lag()) return null;
    const count = (stage: ImaginedWorker["stage"]): number => job.workers.filter((worker) => worker.stage === stage).length;
    return {
      job: name,
      stages: {
        waiting: count("waiting"),
        starting: count("starting"),
        running: count("running"),
        succeeded: count("succeeded"),
        failed: count("failed"),
      },
      waitsFor: null,
      failures: job.workers.flatMap(({ failure }) => failure ?? []).slice(0, 10),
      link: null,
    };
  }

  #lag(): number {
    return this.#random.below(lagSeconds);
  }

  /** Those that run and held something when they were ended. */
  end(name: string, indexes: readonly number[] | null): readonly ImaginedWorker[] {
    const workers = this.jobs.get(name)?.workers ?? [];
    const ended = workers.filter((worker) => !isOver(worker) && (indexes === null || indexes.includes(worker.index)));
    const busy = ended.filter(({ tasks }) => tasks.length > 0);
    for (const worker of ended) fail(worker, "ended", "terminated");
    return busy;
  }

  /** A second passes for the hosts. Returns workers that were lost with what they held. */
  pass(at: number): readonly ImaginedWorker[] {
    const lost: ImaginedWorker[] = [];
    for (const worker of this.live()) {
      if (worker.stage !== "running" && worker.runsAt !== null && at >= worker.runsAt) {
        worker.stage = "running";
        if (worker.diesAtOnce) fail(worker, "image", "CannotPullContainerError");
      } else if (worker.stage === "running" && this.#random.chance(this.faults.hostLost)) {
        lost.push(worker);
        fail(worker, "hostLost", "Host EC2 (instance i-1) terminated.");
      }
    }
    return lost;
  }

  live(): ImaginedWorker[] {
    return [...this.jobs.values()].flatMap(({ workers }) => workers.filter((worker) => !isOver(worker)));
  }
}

export function isOver({ stage }: ImaginedWorker): boolean {
  return stage === "succeeded" || stage === "failed";
}

function fail(worker: ImaginedWorker, kind: JobFailure["kind"], reason: string): void {
  worker.stage = "failed";
  worker.failure = { index: worker.index, kind, exitCode: null, reason };
  worker.connection = "none";
}
