// The variables of a job's container: the job's own, its secrets, and what Batch and the machine add.

import type { Host } from "./capacity.ts";
import type { Job } from "./job.ts";

export type EnvironmentOptions = {
  readonly secrets: Readonly<Record<string, string>>;
  readonly credentialsFor: (role: string) => Readonly<Record<string, string>>;
};

/** Or why the container cannot start. */
export function environmentOf(
  job: Job,
  host: Host,
  { secrets, credentialsFor }: EnvironmentOptions,
): Readonly<Record<string, string>> | string {
  const { container, queue } = job.spec;
  const own = Object.fromEntries((container.environment ?? []).map(({ name = "", value = "" }) => [name, value]));
  const secret: Record<string, string> = {};
  for (const { name = "", valueFrom = "" } of container.secrets ?? []) {
    const value = secrets[valueFrom];
    if (value === undefined) {
      return `ResourceInitializationError: unable to pull secrets or registry auth: ResourceNotFoundException: Secrets Manager can't find the specified secret ${valueFrom}`;
    }
    secret[name] = value;
  }
  return {
    ...own,
    ...secret,
    ...(container.jobRoleArn !== undefined && credentialsFor(container.jobRoleArn)),
    ...(host.metadata !== null && { AWS_EC2_METADATA_SERVICE_ENDPOINT: host.metadata.url }),
    AWS_BATCH_JOB_ID: job.id,
    AWS_BATCH_JOB_ATTEMPT: String(job.attemptsBegun),
    AWS_BATCH_CE_NAME: host.environment.detail.computeEnvironmentName ?? "",
    AWS_BATCH_JQ_NAME: queue.detail.jobQueueName ?? "",
    ...(job.array?.kind === "child" && {
      AWS_BATCH_JOB_ARRAY_INDEX: String(job.array.index),
      AWS_BATCH_JOB_ARRAY_SIZE: String(job.spec.arraySize ?? 0),
    }),
  };
}
