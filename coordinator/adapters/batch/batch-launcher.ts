// Workers in AWS Batch. The coordinator's credentials are those of the SDK's default chain; an endpoint other than AWS's own is
// the SDK's setting too (AWS_ENDPOINT_URL_BATCH).
//
// B1. Submitting is tried once: Batch knows no token by which a second try would be told from a second job.
// B2. Everything else may be done twice, and is asked again for a while.

import type { BatchClient, JobDetail, JobSummary, SubmitJobRequest } from "@aws-sdk/client-batch";
import type * as Sdk from "@aws-sdk/client-batch";
import { containerFor, roomOf, type Container } from "../../../proto/container.ts";
import type { LaunchId } from "../../../proto/launch.ts";
import { shapeKey, type Shape } from "../../../proto/shape.ts";
import {
  LauncherError,
  type Ending,
  type FoundJob,
  type JobReport,
  type LaunchAnswer,
  type Launcher,
  type LaunchRequest,
  type WorkerSize,
} from "../../ports/launcher.ts";
import { type BatchSettings, defaultPlatform, queueFor } from "./batch-settings.ts";
import { callProblemOf } from "./call-problem.ts";
import { definitionBytesMax, jobDefinitionOf, namePrefix, overridesBytesMax, submissionBytesMax } from "./job-definition.ts";
import { consoleLink, failuresOf, isOver, reasonPrefix, stagesOf, waitingReasonOf } from "./job-report.ts";
import { type Patience, patiently } from "./patience.ts";
import { usdPerHour } from "./prices.ts";

/** Of one call. */
const describedMax = 100;
const listedMax = 1000;
const endReasonCharactersMax = 1024;
/** Of a whole array job. */
const arraySizeMax = 10_000;
/** Calls that wait for an answer at the same time, so that a round of questions stays far from Batch's limit of calls. */
const callsMax = 4;
const connectMs = 5000;
const idleMs = 20_000;

const defaultPatience: Patience = {
  firstWaitMs: 500,
  waitMsMax: 8000,
  tries: 6,
  wait: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  random: Math.random,
};

type Options = { readonly settings: BatchSettings; readonly patience?: Patience; readonly lagMs?: number };

type Planned = { readonly kind: "planned"; readonly container: Container; readonly queue: string };
type Plan = Planned | { readonly kind: "refused"; readonly reason: string };

/** What Batch tells of a job that was accepted a moment ago may not contain it yet. */
const lagMsDefault = 30_000;

export async function openBatchLauncher(options: Options): Promise<BatchLauncher> {
  const sdk = await import("@aws-sdk/client-batch");
  const requestHandler = { connectionTimeout: connectMs, socketTimeout: idleMs };
  return new BatchLauncher(sdk, new sdk.BatchClient({ maxAttempts: 1, requestHandler }), options);
}

export class BatchLauncher implements Launcher {
  readonly countMax = arraySizeMax;
  readonly lagMs: number;
  readonly #sdk: typeof Sdk;
  readonly #client: BatchClient;
  readonly #settings: BatchSettings;
  readonly #patience: Patience;
  /** Names of definitions that are known to be registered. */
  readonly #registered = new Set<string>();

  constructor(sdk: typeof Sdk, client: BatchClient, { settings, patience = defaultPatience, lagMs = lagMsDefault }: Options) {
    this.#sdk = sdk;
    this.#client = client;
    this.#settings = settings;
    this.#patience = patience;
    this.lagMs = lagMs;
  }

  sizeOf(shape: Shape): WorkerSize | null {
    const plan = this.#plan(shape);
    return plan.kind === "refused" ? null : { ...roomOf(plan.container), usdPerHour: usdPerHour(plan.container, shape.capacity) };
  }

  async launch({ launch, shape, count, environment }: LaunchRequest): Promise<LaunchAnswer> {
    const plan = this.#plan(shape);
    if (plan.kind === "refused") return plan;
    const definition = jobDefinitionOf(shape, plan.container, this.#settings);
    const name = definition.jobDefinitionName ?? "";
    const containerOverrides = { environment: Object.entries(environment).map(([key, value]) => ({ name: key, value })) };
    const request: SubmitJobRequest = {
      jobName: jobNameOf(launch),
      jobQueue: plan.queue,
      jobDefinition: name,
      ...(count > 1 && { arrayProperties: { size: count } }),
      containerOverrides,
      propagateTags: true,
      tags: { ...shape.options.tags, "stepwell:shape": shapeKey(shape), "stepwell:launch": launch },
    };
    const tooLarge =
      objectToSize(definition, definitionBytesMax) ??
      objectToSize(containerOverrides, overridesBytesMax) ??
      objectToSize(request, submissionBytesMax);
    if (tooLarge !== null) return { kind: "refused", reason: tooLarge };
    try {
      await this.#register(definition);
    } catch (error) {
      if (error instanceof LauncherError) return { kind: error.kind, reason: error.message };
      throw error;
    }
    return this.#submit(request);
  }

  async #submit(request: SubmitJobRequest): Promise<LaunchAnswer> {
    try {
      const { jobId } = await this.#client.send(new this.#sdk.SubmitJobCommand(request));
      return jobId === undefined ? { kind: "ambiguous", reason: "AWS Batch answered without a job" } : { kind: "launched", job: jobId };
    } catch (error) {
      const problem = callProblemOf(error);
      const isGone = problem.kind === "refused" && /job ?definition/i.test(problem.reason);
      // Somebody took the definition away: it is registered anew with the next try.
      if (isGone && this.#registered.delete(request.jobDefinition ?? "")) return { kind: "unavailable", reason: problem.reason };
      return problem;
    }
  }

  async find(launches: readonly LaunchId[]): Promise<readonly FoundJob[]> {
    const configured = new Set(Object.values(this.#settings.queues).filter((queue) => queue !== null));
    const found = await this.#findIn([...configured], launches);
    const missing = launches.filter((launch) => !found.some((job) => job.launch === launch));
    if (missing.length === 0) return found;
    // Steps may name queues that the settings don't.
    const others = (await this.#allQueues()).filter(({ name, arn }) => !configured.has(name) && !configured.has(arn));
    return [
      ...found,
      ...(await this.#findIn(
        others.map(({ arn }) => arn),
        missing,
      )),
    ];
  }

  async #findIn(queues: readonly string[], launches: readonly LaunchId[]): Promise<readonly FoundJob[]> {
    const pairs = queues.flatMap((queue) => launches.map((launch) => ({ queue, launch })));
    const found = await atOnce(pairs, async ({ queue, launch }) => {
      const values = [jobNameOf(launch)];
      const jobs = await this.#list({ jobQueue: queue, filters: [{ name: "JOB_NAME", values }] }, Number.POSITIVE_INFINITY);
      return jobs.map(({ jobId = "", status }) => ({ launch, job: jobId, over: isOver(status) }));
    });
    return found.flat();
  }

  async describe(jobs: readonly string[]): Promise<readonly (JobReport | null)[]> {
    const chunks = Array.from({ length: Math.ceil(jobs.length / describedMax) }, (_, at) =>
      jobs.slice(at * describedMax, (at + 1) * describedMax),
    );
    const details = (await atOnce(chunks, (chunk) => this.#describeSome(chunk))).flat();
    const region = await this.#client.config.region();
    const reports = new Map(await atOnce(details, async (detail) => [detail.jobId ?? "", await this.#reportOf(detail, region)] as const));
    return jobs.map((job) => reports.get(job) ?? null);
  }

  async #describeSome(jobs: readonly string[]): Promise<readonly JobDetail[]> {
    const answer = await patiently(() => this.#client.send(new this.#sdk.DescribeJobsCommand({ jobs: [...jobs] })), this.#patience);
    return answer.jobs ?? [];
  }

  async #reportOf(detail: JobDetail, region: string): Promise<JobReport> {
    const job = detail.jobId ?? "";
    const stages = stagesOf(detail);
    const children = async (status: "FAILED" | "RUNNABLE", count: number): Promise<readonly JobSummary[]> =>
      this.#list({ arrayJobId: job, jobStatus: status }, count);
    const isArray = detail.arrayProperties?.size !== undefined;
    const runnable = detail.arrayProperties?.statusSummary?.["RUNNABLE"] ?? 0;
    const failed = isArray && stages.failed > 0 ? await children("FAILED", listedMax) : [detail];
    const waiting = isArray && runnable > 0 && !isOver(detail.status) ? await children("RUNNABLE", waitingAskedMax) : [detail];
    return { job, stages, waitsFor: waitingReasonOf(waiting), failures: failuresOf(failed), link: consoleLink(region, job) };
  }

  async end(what: readonly Ending[], reason: string): Promise<void> {
    const ids = what.flatMap(({ job, indexes }) => (indexes === null ? [job] : indexes.map((index) => `${job}:${index}`)));
    const words = `${reasonPrefix}${reason}`.slice(0, endReasonCharactersMax);
    await atOnce(ids, async (jobId) => {
      const terminate = new this.#sdk.TerminateJobCommand({ jobId, reason: words });
      await patiently(() => this.#client.send(terminate), this.#patience);
    });
  }

  close(): Promise<void> {
    this.#client.destroy();
    return Promise.resolve();
  }

  #plan(shape: Shape): Plan {
    const { queues } = this.#settings;
    const fitting = containerFor(shape, defaultPlatform(queues));
    if (fitting.kind === "impossible") return { kind: "refused", reason: `${fitting.message}; ${fitting.hint}` };
    const { container } = fitting;
    const queue = queueFor(shape, container, queues);
    if (queue !== null) return { kind: "planned", container, queue };
    const what = container.gpu > 0 ? "machines with GPUs" : container.platform === "ec2" ? "EC2" : "Fargate";
    return { kind: "refused", reason: `the coordinator has no Batch queue for ${what}; name one in its settings, or in the step's @batch` };
  }

  /** @throws LauncherError */
  async #register(definition: Sdk.RegisterJobDefinitionRequest): Promise<void> {
    const name = definition.jobDefinitionName ?? "";
    if (this.#registered.has(name)) return;
    await patiently(async () => {
      const query = new this.#sdk.DescribeJobDefinitionsCommand({ jobDefinitionName: name, status: "ACTIVE", maxResults: 1 });
      const { jobDefinitions = [] } = await this.#client.send(query);
      if (jobDefinitions.length === 0) await this.#client.send(new this.#sdk.RegisterJobDefinitionCommand(definition));
    }, this.#patience);
    this.#registered.add(name);
  }

  async #list(request: Sdk.ListJobsRequest, count: number): Promise<readonly JobSummary[]> {
    const jobs: JobSummary[] = [];
    let nextToken: string | undefined;
    do {
      const page = { ...request, ...(nextToken !== undefined && { nextToken }), ...(count <= listedMax && { maxResults: count }) };
      const answer = await patiently(() => this.#client.send(new this.#sdk.ListJobsCommand(page)), this.#patience);
      jobs.push(...(answer.jobSummaryList ?? []));
      nextToken = answer.nextToken;
    } while (nextToken !== undefined && jobs.length < count);
    return jobs;
  }

  async #allQueues(): Promise<readonly { readonly name: string; readonly arn: string }[]> {
    const queues: { readonly name: string; readonly arn: string }[] = [];
    let nextToken: string | undefined;
    do {
      const query = new this.#sdk.DescribeJobQueuesCommand({ ...(nextToken !== undefined && { nextToken }) });
      const answer = await patiently(() => this.#client.send(query), this.#patience);
      for (const { jobQueueName = "", jobQueueArn = "" } of answer.jobQueues ?? []) queues.push({ name: jobQueueName, arn: jobQueueArn });
      nextToken = answer.nextToken;
    } while (nextToken !== undefined);
    return queues;
  }
}

/** Of an array, children that wait: one of them says why. */
const waitingAskedMax = 20;

function jobNameOf(launch: LaunchId): string {
  return `${namePrefix}${launch}`;
}

function objectToSize(document: object, bytesMax: number): string | null {
  const bytes = Buffer.byteLength(JSON.stringify(document));
  if (bytes <= bytesMax) return null;
  return `what AWS Batch must be told takes ${bytes} bytes, and it reads ${bytesMax}; give fewer or shorter variables, tags and folders in @batch`;
}

/** As `map`, a few at the same time; the first error ends it. */
async function atOnce<T, R>(items: readonly T[], each: (item: T) => Promise<R>): Promise<readonly R[]> {
  const results: R[] = [];
  const rest = items.entries();
  const work = async (): Promise<void> => {
    for (const [at, item] of rest) results[at] = await each(item);
  };
  await Promise.all(Array.from({ length: Math.min(callsMax, items.length) }, work));
  return results;
}
