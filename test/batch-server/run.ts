// One attempt of a job, on a machine: from the pull of the image to the end of the container.
//
// N1. The first cause of an end is the one that is told.
// N2. An attempt reports its end once, when nothing of it runs any more.

import type { AttemptDetail } from "@aws-sdk/client-batch";
import { unreachable } from "../../proto/unreachable.ts";
import type { Host } from "./capacity.ts";
import type { Job } from "./job.ts";
import { arnOf, newTaskId } from "./names.ts";
import type { Container, Exit } from "./runner.ts";
import type { Timer, Timers } from "./timers.ts";

export type Cause =
  | { readonly kind: "terminated"; readonly reason: string }
  | { readonly kind: "timedOut" }
  | { readonly kind: "hostLost" }
  | { readonly kind: "spotInterrupted" };

export type Outcome = {
  readonly attempt: AttemptDetail;
  readonly isSuccess: boolean;
  /** Whether Batch may try again, if there are attempts left. */
  readonly isRetryable: boolean;
};

export type RunOptions = {
  readonly timers: Timers;
  /** Pull of the image and start of the container. */
  readonly startMs: number;
  /** Between the signal that asks and the one that doesn't. */
  readonly graceMs: number;
  readonly start: (job: Job, host: Host, logStreamName: string) => Container | { readonly problem: string };
  readonly onRunning: (job: Job) => void;
  readonly onEnd: (run: Run, outcome: Outcome) => void;
};

/** Overrides are a parameter of ECS, which takes no more. */
const overridesCharactersMax = 8192;

export class Run {
  readonly job: Job;
  readonly host: Host;
  readonly #options: RunOptions;
  readonly #taskId = newTaskId();
  readonly #logStreamName: string;
  #cause: Cause | null = null;
  #container: Container | null = null;
  #timers: Timer[] = [];
  #startedAtMs: number | undefined;
  #isReported = false;

  constructor(job: Job, host: Host, options: RunOptions) {
    this.job = job;
    this.host = host;
    this.#options = options;
    this.#logStreamName = `${(job.spec.definition.jobDefinitionName ?? "").slice(0, 200)}/default/${this.#taskId}`;
  }

  /** The machine is there: the image is pulled. */
  begin(): void {
    this.job.shown = this.#places();
    this.#timers.push(this.#options.timers.after(this.#options.startMs, () => this.#start()));
  }

  /** Asks the container to end, and ends it after the grace. */
  stop(cause: Cause, graceMs = this.#options.graceMs): void {
    if (this.#cause !== null) return;
    this.#cause = cause;
    if (this.#container === null) return this.#report(null);
    this.#container.stop();
    this.#timers.push(this.#options.timers.after(graceMs, () => this.#container?.kill()));
  }

  /** Only the signal: whoever gets it may take it for a notice. */
  signal(): void {
    this.#container?.stop();
  }

  kill(cause: Cause): void {
    this.#cause ??= cause;
    if (this.#container === null) this.#report(null);
    else this.#container.kill();
  }

  killOutOfMemory(): void {
    this.#container?.kill("outOfMemory");
  }

  /** Its processes vanish, and nobody notices for so long. */
  lose(afterMs: number): void {
    this.#cause ??= { kind: "hostLost" };
    const container = this.#container;
    this.#container = null;
    this.#clear();
    container?.kill();
    this.#options.timers.after(afterMs, () => this.#report(null));
  }

  #start(): void {
    const { job } = this;
    if (JSON.stringify(job.spec.overrides).length > overridesCharactersMax) {
      return this.#end({ statusReason: `Container Overrides length must be at most ${overridesCharactersMax}` }, false);
    }
    const container = this.#options.start(job, this.host, this.#logStreamName);
    if ("problem" in container) return this.#end(failedToStart(container.problem), true);
    this.#container = container;
    this.#startedAtMs = Date.now();
    job.shown = { ...this.#places(), logStreamName: this.#logStreamName };
    job.startedAtMs = this.#startedAtMs;
    this.#options.onRunning(job);
    const { timeoutSeconds } = job.spec;
    if (timeoutSeconds !== undefined) {
      this.#timers.push(this.#options.timers.after(timeoutSeconds * 1000, () => this.stop({ kind: "timedOut" })));
    }
    void this.#await(container);
  }

  async #await(container: Container): Promise<void> {
    const exit = await container.ended;
    if (this.#container === container) this.#report(exit);
  }

  #report(exit: Exit | null): void {
    if (this.#cause !== null) {
      const { statusReason, isRetryable, hasExit } = told(this.#cause, this.host);
      const exitCode = hasExit && exit?.kind === "exited" ? exit.code : undefined;
      return this.#end({ statusReason, container: { ...(exitCode !== undefined && { exitCode }) } }, isRetryable);
    }
    if (exit === null) return;
    if (exit.kind === "notStarted") return this.#end(failedToStart(exit.reason), true);
    const reason = exit.isOutOfMemory ? { reason: "OutOfMemoryError: Container killed due to memory usage" } : {};
    const attempt = { statusReason: "Essential container in task exited", container: { exitCode: exit.code, ...reason } };
    this.#end(attempt, exit.code !== 0, exit.code === 0);
  }

  #end(attempt: AttemptDetail, isRetryable: boolean, isSuccess = false): void {
    if (this.#isReported) return;
    this.#isReported = true;
    this.#clear();
    const places = this.#startedAtMs === undefined ? this.#places() : { ...this.#places(), logStreamName: this.#logStreamName };
    const whole: AttemptDetail = {
      ...attempt,
      container: { ...places, ...attempt.container },
      stoppedAt: Date.now(),
      ...(this.#startedAtMs !== undefined && { startedAt: this.#startedAtMs }),
    };
    this.#options.onEnd(this, { attempt: whole, isSuccess, isRetryable });
  }

  #clear(): void {
    for (const timer of this.#timers) timer.cancel();
    this.#timers = [];
  }

  #places(): { readonly taskArn: string; readonly containerInstanceArn?: string } {
    const cluster = `AWSBatch-${this.host.environment.detail.computeEnvironmentName}`;
    const taskArn = arnOf("ecs", `task/${cluster}/${this.#taskId}`);
    if (this.host.environment.platform === "FARGATE") return { taskArn };
    return { taskArn, containerInstanceArn: arnOf("ecs", `container-instance/${cluster}/${this.host.id}`) };
  }
}

function failedToStart(reason: string): AttemptDetail {
  return { statusReason: "Task failed to start", container: { reason } };
}

function told(cause: Cause, host: Host): { readonly statusReason: string; readonly isRetryable: boolean; readonly hasExit: boolean } {
  switch (cause.kind) {
    case "terminated":
      return { statusReason: cause.reason, isRetryable: false, hasExit: true };
    case "timedOut":
      return { statusReason: "Job attempt duration exceeded timeout", isRetryable: false, hasExit: true };
    case "hostLost":
      if (host.environment.platform === "FARGATE")
        return { statusReason: "Your Spot Task was interrupted.", isRetryable: true, hasExit: false };
      return { statusReason: `Host EC2 (instance ${host.id}) terminated.`, isRetryable: true, hasExit: false };
    case "spotInterrupted":
      return { statusReason: "Your Spot Task was interrupted.", isRetryable: true, hasExit: true };
    default:
      return unreachable(cause);
  }
}
