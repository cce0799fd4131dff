// AWS Batch for tests: takes what the SDK sends, refuses what Batch refuses, and runs each job for real, as a process or in a
// container. It fails on request. Nothing that it started runs any more when it has closed.

import { EventEmitter, once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CreateComputeEnvironmentRequest, CreateJobQueueRequest, JobDetail, JobStatus } from "@aws-sdk/client-batch";
import type { CallFault, Faults } from "../aws/faults.ts";
import { Identities } from "../aws/identities.ts";
import { Refusal } from "../aws/refusal.ts";
import { Service, type Answer, type Call } from "../aws/service.ts";
import { environmentOf } from "./container-environment.ts";
import { Definitions } from "./definitions.ts";
import type { Host } from "./capacity.ts";
import { Glass } from "./glass.ts";
import { invalid } from "./invalid.ts";
import { finalStatuses, isOver, type Job } from "./job.ts";
import { operations } from "./operations.ts";
import { ProcessRunner } from "./process-runner.ts";
import { Queues } from "./queues.ts";
import { RoleCredentials } from "./role-credentials.ts";
import type { Container, Runner } from "./runner.ts";
import { Scheduler } from "./scheduler.ts";
import { usualEnvironments, usualQueues } from "./setting.ts";
import { tagsAnswer } from "./tags.ts";
import { Throttle } from "./throttle.ts";
import { Timers } from "./timers.ts";
import { detailOf } from "./view.ts";
import type { World } from "./world.ts";

export type BatchServerOptions = {
  readonly port?: number;
  readonly host?: string;
  readonly seed?: number;
  /** Shared with other servers, so that the credentials of a job's role count there, too. */
  readonly identities?: Identities;
  /** How many times as fast durations of Batch pass. Timestamps and the limits on calls are those of an ordinary clock. */
  readonly timeScale?: number;
  /** Calls of SubmitJob and, counted apart, of anything else. */
  readonly callsPerSecond?: number;
  /** Until a machine is there: each on Fargate, new ones on EC2. */
  readonly scaleUpMs?: number;
  /** Pull of the image and start of the container. */
  readonly startMs?: number;
  /** How long a machine of EC2 stays without work. */
  readonly idleMs?: number;
  /** How long Batch takes to say why a job is stuck. */
  readonly stuckMs?: number;
  /** A job shows up so long after its submission. */
  readonly describeLagMs?: number;
  /** Answers tell how things were so long ago. */
  readonly staleMs?: number;
  /** How long the credentials of a role last, by an ordinary clock. */
  readonly credentialMs?: number;
  /** What secrets hold, by ARN. */
  readonly secrets?: Readonly<Record<string, string>>;
  /** Variables that images bring, such as a `PATH`; only for jobs that run as processes. */
  readonly imageEnvironment?: Readonly<Record<string, string>>;
  /** Runs jobs instead of processes of this machine. */
  readonly runner?: Runner;
  readonly computeEnvironments?: readonly CreateComputeEnvironmentRequest[];
  readonly queues?: readonly CreateJobQueueRequest[];
};

export type SpotNotice = {
  /** Between the notice and the end: 120 s on EC2, on Fargate 30 s. */
  readonly noticeMs?: number;
  /** Whether containers on EC2 get SIGTERM with the notice. Those on Fargate always do. */
  readonly isTermSent?: boolean;
};

const graceMs = 30_000;
const requestBytesMax = 1024 * 1024;

/** Images whose names have these in them don't start, each in its own way. */
const badImages = {
  "no-such-image":
    "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref: pull access denied, repository does not exist or may require authorization",
  "slow-image": "DockerTimeoutError: Could not transition to created; timed out after waiting 4m0s",
} as const;

export class BatchServer implements AsyncDisposable {
  readonly #world: World;
  readonly #service: Service;
  readonly #timers: Timers;
  readonly #runner: Runner;
  readonly #credentials: RoleCredentials;
  readonly #folder = mkdtempSync(join(tmpdir(), "stepwell-batch-"));
  readonly #submissions: Throttle;
  readonly #otherCalls: Throttle;
  readonly #options: BatchServerOptions;
  readonly #changes = new EventEmitter().setMaxListeners(0);

  private constructor(options: BatchServerOptions) {
    this.#options = options;
    const identities = options.identities ?? new Identities();
    this.#timers = new Timers(options.timeScale ?? 1);
    this.#runner = options.runner ?? new ProcessRunner({ folder: this.#folder, imageEnvironment: options.imageEnvironment ?? {} });
    this.#credentials = new RoleCredentials(identities, options.credentialMs ?? 3_600_000);
    const perSecond = options.callsPerSecond ?? 50;
    this.#submissions = new Throttle(perSecond, perSecond, Date.now);
    this.#otherCalls = new Throttle(perSecond, perSecond, Date.now);
    const glass = new Glass({ lagMs: options.describeLagMs ?? 0, staleMs: options.staleMs ?? 0 }, this.#timers);
    const scheduler = new Scheduler({
      timers: this.#timers,
      scaleUpMs: options.scaleUpMs ?? 0,
      startMs: options.startMs ?? 0,
      idleMs: options.idleMs ?? 60_000,
      stuckMs: options.stuckMs ?? 600_000,
      graceMs,
      start: (job, host, logStreamName) => this.#start(job, host, logStreamName),
      onChange: (job) => {
        glass.record(job);
        this.#changes.emit(job.id);
      },
    });
    this.#world = { definitions: new Definitions(), queues: new Queues(), scheduler, glass };
    this.#service = new Service({
      signatures: { services: ["batch"], dialect: "json", find: (id) => identities.find(id), now: Date.now },
      bodyBytesMax: requestBytesMax,
      seed: options.seed ?? 1,
      operationOf: (request, { path }) => {
        if (path.startsWith("/v1/tags/")) return "Tags";
        const known = request.method === "POST" ? operations[path.replace(/^\/v1\//, "")] : undefined;
        if (known === undefined)
          throw new Refusal(404, "UnknownOperationException", `${request.method} ${path} is not known to this server`);
        return known.name;
      },
      answer: (operation, call) => this.#answer(operation, call),
      refuse: ({ status, code, message }) => json(status, { message }, { "x-amzn-errortype": code }),
      unsigned: (request, { path }) => this.#credentials.answer(request, path),
    });
  }

  static async start(options: BatchServerOptions = {}): Promise<BatchServer> {
    const server = new BatchServer(options);
    for (const environment of options.computeEnvironments ?? usualEnvironments) server.#world.queues.createEnvironment(environment);
    for (const queue of options.queues ?? usualQueues) server.#world.queues.createQueue(queue);
    await server.#service.listen(options.port ?? 0, options.host ?? "127.0.0.1");
    return server;
  }

  /** For `AWS_ENDPOINT_URL_BATCH`. */
  get endpoint(): string {
    return this.#service.url;
  }

  get faults(): Faults<CallFault> {
    return this.#service.faults;
  }

  /** Names of the operations that were asked for, in their order. */
  get operations(): readonly string[] {
    return this.#service.operations;
  }

  /** All of them as they are now, children after their parents. */
  jobs(): readonly JobDetail[] {
    return [...this.#world.scheduler.jobs.values()].map(detailOf);
  }

  /** Resolves when the job has one of these statuses; by default, when it is over. */
  async whenStatus(jobId: string, ...statuses: readonly JobStatus[]): Promise<JobDetail> {
    const job = this.#job(jobId);
    const wanted = statuses.length === 0 ? finalStatuses : statuses;
    while (!wanted.includes(job.status)) await once(this.#changes, jobId);
    return detailOf(job);
  }

  /** What the last attempt of a job has written. */
  logOf(jobId: string): string {
    const { logStreamName } = this.#job(jobId).shown;
    return logStreamName === undefined ? "" : readFileSync(this.#logFile(logStreamName), "utf8");
  }

  /** Takes away so many spot machines on which something runs, after a notice; the oldest first. @returns their names */
  spotKill(count: number, notice: SpotNotice = {}): string[] {
    const hit = this.#busyHosts(count, ({ isSpot }) => isSpot);
    for (const host of hit) this.#interrupt(host, notice);
    return hit.map(({ id }) => id);
  }

  /** So many machines on which something runs are gone, without a notice. @returns their names */
  loseHosts(count: number): string[] {
    const hit = this.#busyHosts(count, () => true);
    for (const host of hit) this.#world.scheduler.loseHost(host);
    return hit.map(({ id }) => id);
  }

  /** The job's processes vanish, but Batch takes so long to notice. */
  loseJob(jobId: string, unnoticedMs: number): void {
    this.#run(jobId).lose(unnoticedMs);
  }

  /** The kernel ends the job's processes. */
  outOfMemory(jobId: string): void {
    this.#run(jobId).killOutOfMemory();
  }

  /** Amazon has no machines for this environment any more, or has some again. */
  setExhausted(computeEnvironment: string, isExhausted: boolean): void {
    this.#world.queues.environment(computeEnvironment).isExhausted = isExhausted;
    this.#world.scheduler.line.ask();
  }

  /** The environment can start nothing any more, for this reason. */
  invalidate(computeEnvironment: string, statusReason: string): void {
    const { detail } = this.#world.queues.environment(computeEnvironment);
    Object.assign(detail, { status: "INVALID", statusReason });
    this.#world.scheduler.line.ask();
  }

  async close(): Promise<void> {
    this.#service.close();
    this.#timers.close();
    this.#world.scheduler.close();
    await this.#runner.close();
    // What ended just now may have asked for another try.
    this.#timers.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #answer(operation: string, { request, target, body }: Call): Answer {
    const throttle = operation === "SubmitJob" ? this.#submissions : this.#otherCalls;
    if (!throttle.take()) throw new Refusal(429, "TooManyRequestsException", "Too Many Requests");
    if (operation === "Tags") return json(200, tagsAnswer(this.#world, { method: request.method ?? "", target, body: parse(body) }));
    const known = operations[target.path.replace(/^\/v1\//, "")];
    if (known === undefined) throw new Refusal(404, "UnknownOperationException", target.path);
    return json(200, known.run(this.#world, parse(body) as never, Buffer.byteLength(body)));
  }

  #start(job: Job, host: Host, logStreamName: string): Container | { readonly problem: string } {
    const image = job.spec.container.image ?? "";
    const bad = Object.entries(badImages).find(([name]) => image.includes(name));
    if (bad !== undefined) return { problem: bad[1] };
    const environment = environmentOf(job, host, {
      secrets: this.#options.secrets ?? {},
      credentialsFor: (role) => this.#credentials.variablesFor(role, this.endpoint),
    });
    if (typeof environment === "string") return { problem: environment };
    const { command = [] } = job.spec.container;
    const logFile = this.#logFile(logStreamName);
    mkdirSync(join(logFile, ".."), { recursive: true });
    return this.#runner.start({ jobId: job.id, attempt: job.attemptsBegun, image, command, environment, needs: job.spec.needs, logFile });
  }

  #interrupt(host: Host, { noticeMs, isTermSent = false }: SpotNotice): void {
    const isFargate = host.environment.platform === "FARGATE";
    const afterMs = noticeMs ?? (isFargate ? graceMs : 120_000);
    const runs = [...host.jobs].map((job) => this.#world.scheduler.runs.get(job)).filter((run) => run !== undefined);
    host.state = "leaving";
    if (isFargate) {
      for (const run of runs) run.stop({ kind: "spotInterrupted" }, afterMs);
      return;
    }
    host.metadata?.announceEnd(Date.now() + afterMs / this.#timers.scale);
    if (isTermSent) for (const run of runs) run.signal();
    this.#timers.after(afterMs, () => this.#world.scheduler.loseHost(host));
  }

  #busyHosts(count: number, isMeant: (environment: Host["environment"]) => boolean): Host[] {
    const busy = [...this.#world.scheduler.capacity.hosts].filter(
      ({ state, jobs, environment }) => state === "up" && jobs.size > 0 && isMeant(environment),
    );
    return busy.slice(0, count);
  }

  #job(jobId: string): Job {
    const job = this.#world.scheduler.jobs.get(jobId);
    if (job === undefined) throw invalid(`Job ${jobId} does not exist`);
    return job;
  }

  #run(jobId: string): NonNullable<ReturnType<Scheduler["runs"]["get"]>> {
    const run = this.#world.scheduler.runs.get(this.#job(jobId));
    if (run === undefined) throw new Error(`job ${jobId} does not run${isOver(this.#job(jobId)) ? " any more" : ""}`);
    return run;
  }

  #logFile(logStreamName: string): string {
    return join(this.#folder, "logs", logStreamName);
  }
}

function json(status: number, body: object, headers: Readonly<Record<string, string>> = {}): Answer {
  return { status, headers: { "content-type": "application/json", ...headers }, body: JSON.stringify(body) };
}

function parse(body: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = body === "" ? {} : JSON.parse(body);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Readonly<Record<string, unknown>>;
  } catch {
    // Said below.
  }
  throw new Refusal(400, "SerializationException", "The body is not an object of JSON");
}
