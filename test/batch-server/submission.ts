// What a submission asks for, if Batch accepts it.

import type { ContainerOverrides, ContainerProperties, KeyValuePair, ResourceRequirement, SubmitJobRequest } from "@aws-sdk/client-batch";
import {
  checkCommand,
  checkEnvironment,
  checkRetry,
  checkTags,
  checkTimeout,
  namePattern,
  platformOf,
  type Definitions,
} from "./definitions.ts";
import { allowOnly, invalid } from "./invalid.ts";
import type { Job, JobSpec } from "./job.ts";
import { platformIn, type Queues } from "./queues.ts";
import { needsOf } from "./shapes.ts";

const submissionBytesMax = 30 * 1024;
const arraySizeMin = 2;
const arraySizeMax = 10_000;
const dependenciesMax = 20;

export type Known = { readonly definitions: Definitions; readonly queues: Queues; readonly jobs: ReadonlyMap<string, Job> };

const members =
  "jobName jobQueue arrayProperties dependsOn jobDefinition parameters containerOverrides retryStrategy propagateTags timeout tags shareIdentifier schedulingPriorityOverride".split(
    " ",
  );

/** @throws Refusal */
export function parseSubmission(request: SubmitJobRequest, bytes: number, { definitions, queues, jobs }: Known): JobSpec {
  if (bytes > submissionBytesMax) throw invalid(`SubmitJob request is larger than ${submissionBytesMax} bytes`);
  allowOnly(request, members, "SubmitJob");
  const name = request.jobName ?? "";
  if (!namePattern.test(name)) throw invalid("Job name should match valid pattern");
  const queue = queues.queue(request.jobQueue ?? "");
  if (queue.detail.state !== "ENABLED") throw invalid(`JobQueue ${queue.detail.jobQueueName} is DISABLED`);
  if (request.shareIdentifier !== undefined || request.schedulingPriorityOverride !== undefined) {
    throw invalid("shareIdentifier and schedulingPriorityOverride need a job queue with a scheduling policy");
  }
  const definition = definitions.resolve(request.jobDefinition ?? "");
  const platform = platformOf(definition);
  if (platform !== platformIn(queue)) {
    throw invalid(`Job definition is for ${platform}, but the compute environments of the job queue are ${platformIn(queue)}`);
  }
  const overrides = request.containerOverrides ?? {};
  const container = overridden(definition.containerProperties ?? {}, overrides);
  const arraySize = sizeOf(request);
  checkDependencies(request, arraySize, jobs);
  checkRetry(request.retryStrategy);
  const timeoutSeconds = request.timeout?.attemptDurationSeconds ?? definition.timeout?.attemptDurationSeconds;
  checkTimeout(timeoutSeconds, platform);
  checkTags(request.tags);
  const parameters = { ...definition.parameters, ...request.parameters };
  return {
    name,
    queue,
    definition,
    platform,
    container: { ...container, command: substituted(container.command ?? [], parameters) },
    overrides,
    needs: needsOf(container, platform),
    retry: request.retryStrategy ?? definition.retryStrategy ?? { attempts: 1 },
    timeoutSeconds,
    parameters,
    tags: request.tags ?? {},
    dependsOn: request.dependsOn ?? [],
    schedulingPriority: definition.schedulingPriority ?? 0,
    arraySize,
  };
}

function sizeOf({ arrayProperties }: SubmitJobRequest): number | null {
  if (arrayProperties === undefined) return null;
  const size = arrayProperties.size ?? 0;
  if (!(Number.isInteger(size) && size >= arraySizeMin && size <= arraySizeMax)) {
    throw invalid(`Array size should be between ${arraySizeMin} and ${arraySizeMax}`);
  }
  return size;
}

function checkDependencies({ dependsOn = [] }: SubmitJobRequest, arraySize: number | null, jobs: ReadonlyMap<string, Job>): void {
  if (dependsOn.length > dependenciesMax) throw invalid(`A job can depend upon a maximum of ${dependenciesMax} jobs`);
  for (const { jobId, type } of dependsOn) {
    if (type === "SEQUENTIAL") {
      if (jobId !== undefined || arraySize === null) throw invalid("SEQUENTIAL is for an array job, without a job ID");
      continue;
    }
    const job = jobs.get(jobId ?? "");
    if (job === undefined) throw invalid(`Job ${jobId} that is depended upon does not exist`);
    if (type === "N_TO_N" && (arraySize === null || job.spec.arraySize !== arraySize)) {
      throw invalid("N_TO_N is for array jobs of the same size");
    }
  }
}

function overridden(container: ContainerProperties, overrides: ContainerOverrides): ContainerProperties {
  allowOnly(overrides, ["command", "environment", "resourceRequirements"], "containerOverrides");
  checkCommand(overrides.command);
  checkEnvironment(overrides.environment);
  return {
    ...container,
    ...(overrides.command !== undefined && { command: overrides.command }),
    environment: merged(container.environment, overrides.environment, ({ name }: KeyValuePair) => name),
    resourceRequirements: merged(container.resourceRequirements, overrides.resourceRequirements, ({ type }: ResourceRequirement) => type),
  };
}

function merged<Entry>(first: readonly Entry[] = [], second: readonly Entry[] = [], nameOf: (entry: Entry) => string | undefined): Entry[] {
  return [...new Map([...first, ...second].map((entry) => [nameOf(entry), entry])).values()];
}

function substituted(command: readonly string[], parameters: Readonly<Record<string, string>>): string[] {
  return command.map((word) => (word.startsWith("Ref::") ? (parameters[word.slice(5)] ?? word) : word));
}
