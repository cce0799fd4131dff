// The life of jobs: submitted, pending on others, runnable, starting, running, over.
//
// S1. A job that is over stays as it is.
// S2. An array is over when its children are; one that failed fails it.
// S3. Jobs that were cancelled, terminated or timed out are not tried again.

import { Capacity, type Host } from "./capacity.ts";
import { dependenciesOf } from "./dependencies.ts";
import { isOver, type Job, type JobSpec } from "./job.ts";
import { Line } from "./line.ts";
import { newJobId } from "./names.ts";
import { isRetried } from "./retry.ts";
import { Run, type Outcome, type RunOptions } from "./run.ts";
import type { Timers } from "./timers.ts";

export type SchedulerOptions = {
  readonly timers: Timers;
  readonly scaleUpMs: number;
  readonly startMs: number;
  readonly idleMs: number;
  readonly graceMs: number;
  readonly stuckMs: number;
  readonly start: RunOptions["start"];
  readonly onChange: (job: Job) => void;
};

type Ending = { readonly status: "SUCCEEDED" | "FAILED"; readonly statusReason: string };

export class Scheduler {
  readonly jobs = new Map<string, Job>();
  readonly runs = new Map<Job, Run>();
  readonly capacity: Capacity;
  readonly line: Line;
  readonly #options: SchedulerOptions;
  /** Jobs that depend on others. */
  readonly #pending = new Set<Job>();
  #sequence = 0;

  constructor(options: SchedulerOptions) {
    this.#options = options;
    const { timers } = options;
    this.capacity = new Capacity({
      timers,
      scaleUpMs: options.scaleUpMs,
      idleMs: options.idleMs,
      onUp: (host) => this.#useHost(host),
      onRoom: () => this.line.ask(),
    });
    this.line = new Line({
      timers,
      capacity: this.capacity,
      stuckMs: options.stuckMs,
      onPlaced: (job, host) => this.#place(job, host),
      onStuck: (job, statusReason) => this.#change(job, { statusReason }),
      onLimit: (job, statusReason) => this.#cancel(job, statusReason),
    });
  }

  submit(spec: JobSpec): Job {
    const id = newJobId();
    const job = this.#add(id, spec, spec.arraySize === null ? null : { kind: "parent", children: [], left: spec.arraySize });
    this.#options.timers.after(0, () => this.#release(job));
    return job;
  }

  /** Only what has not begun to start; anything else goes on. */
  cancel(job: Job, reason: string): void {
    job.isCancelled = true;
    if (job.array?.kind === "parent") for (const child of job.array.children) this.cancel(child, reason);
    else if (job.status === "SUBMITTED" || job.status === "PENDING" || job.status === "RUNNABLE") this.#cancel(job, reason);
  }

  terminate(job: Job, reason: string): void {
    if (isOver(job)) return;
    job.isTerminated = true;
    if (job.array?.kind === "parent") {
      job.statusReason = reason;
      for (const child of job.array.children) this.terminate(child, reason);
      return;
    }
    if (job.status === "STARTING" || job.status === "RUNNING") this.runs.get(job)?.stop({ kind: "terminated", reason });
    else this.#cancel(job, reason);
  }

  /** The machine is gone at once, and all that ran there. */
  loseHost(host: Host): void {
    const runs = [...host.jobs].map((job) => this.runs.get(job)).filter((run) => run !== undefined);
    this.capacity.end(host);
    for (const run of runs) run.kill({ kind: "hostLost" });
  }

  close(): void {
    this.line.close();
    this.capacity.close();
  }

  #add(id: string, spec: JobSpec, array: Job["array"]): Job {
    const job: Job = {
      id,
      spec,
      createdAtMs: Date.now(),
      sequence: this.#sequence++,
      array,
      status: "SUBMITTED",
      statusReason: undefined,
      startedAtMs: undefined,
      stoppedAtMs: undefined,
      attempts: [],
      attemptsBegun: 0,
      isCancelled: false,
      isTerminated: false,
      shown: {},
    };
    this.jobs.set(id, job);
    this.#options.onChange(job);
    return job;
  }

  #release(job: Job): void {
    if (isOver(job)) return;
    if (job.array?.kind === "parent") return this.#spread(job, job.array.children);
    if (job.spec.dependsOn.length === 0) return this.#enqueue(job);
    this.#change(job, { status: "PENDING" });
    this.#pending.add(job);
    this.#settle(job);
  }

  #spread(parent: Job, children: Job[]): void {
    this.#change(parent, { status: "PENDING" });
    for (let index = 0; index < (parent.spec.arraySize ?? 0); index += 1) {
      children.push(this.#add(`${parent.id}:${index}`, parent.spec, { kind: "child", parent, index }));
    }
    for (const child of children) this.#release(child);
  }

  #settle(job: Job): void {
    const { isFailed, isMet } = dependenciesOf(job, this.jobs);
    if (!isFailed && !isMet) return;
    this.#pending.delete(job);
    if (isFailed) this.#end(job, { status: "FAILED", statusReason: "Dependent Job failed" });
    else this.#enqueue(job);
  }

  #enqueue(job: Job): void {
    this.#change(job, { status: "RUNNABLE", statusReason: undefined });
    this.line.add(job);
  }

  #place(job: Job, host: Host): void {
    const { timers, startMs, graceMs, start } = this.#options;
    const run = new Run(job, host, {
      timers,
      startMs,
      graceMs,
      start,
      onRunning: () => this.#change(job, { status: "RUNNING" }),
      onEnd: (ended, outcome) => this.#finish(ended, outcome),
    });
    this.runs.set(job, run);
    if (host.state === "up") this.#begin(run);
  }

  #useHost(host: Host): void {
    for (const job of host.jobs) {
      const run = this.runs.get(job);
      if (run !== undefined) this.#begin(run);
    }
  }

  #begin(run: Run): void {
    run.job.attemptsBegun += 1;
    run.begin();
    this.#change(run.job, { status: "STARTING", statusReason: undefined });
  }

  #finish(run: Run, { attempt, isSuccess, isRetryable }: Outcome): void {
    const { job, host } = run;
    this.runs.delete(job);
    this.capacity.release(host, job);
    // A machine that went before it was there has not tried the job.
    if (job.status === "RUNNABLE") return this.#enqueue(job);
    job.attempts.push(attempt);
    job.shown = { ...attempt.container };
    const statusReason = attempt.statusReason ?? "";
    if (isSuccess) return this.#end(job, { status: "SUCCEEDED", statusReason });
    const hasAttempts = job.attempts.length < (job.spec.retry.attempts ?? 1);
    if (isRetryable && hasAttempts && !job.isCancelled && isRetried(job.spec.retry, attempt)) this.#enqueue(job);
    else this.#end(job, { status: "FAILED", statusReason });
  }

  /** Ends a job that has not begun to start. */
  #cancel(job: Job, statusReason: string): void {
    this.line.remove(job);
    this.#pending.delete(job);
    const run = this.runs.get(job);
    if (run !== undefined) {
      this.runs.delete(job);
      this.capacity.release(run.host, job);
    }
    this.#end(job, { status: "FAILED", statusReason });
  }

  #end(job: Job, ending: Ending): void {
    if (isOver(job)) return;
    job.stoppedAtMs = Date.now();
    this.#change(job, ending);
    if (job.array?.kind === "child") this.#endParent(job.array.parent);
    for (const pending of this.#pending) this.#settle(pending);
  }

  #endParent(parent: Job): void {
    if (parent.array?.kind !== "parent") return;
    parent.array.left -= 1;
    if (parent.array.left > 0) return;
    const isFailed = parent.array.children.some(({ status }) => status === "FAILED");
    const statusReason = parent.isTerminated
      ? (parent.statusReason ?? "")
      : isFailed
        ? "Array Child Job failed"
        : "Array Child Jobs succeeded";
    this.#end(parent, { status: isFailed ? "FAILED" : "SUCCEEDED", statusReason });
  }

  #change(job: Job, change: Partial<Pick<Job, "status" | "statusReason">>): void {
    Object.assign(job, change);
    this.#options.onChange(job);
    if (job.array?.kind === "child") this.#options.onChange(job.array.parent);
  }
}
