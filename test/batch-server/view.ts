// How Batch describes a job.

import type { JobDetail, JobStatus, JobSummary } from "@aws-sdk/client-batch";
import type { Job } from "./job.ts";
import { arnOf } from "./names.ts";

const statuses: readonly JobStatus[] = ["SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING", "SUCCEEDED", "FAILED"];

export function detailOf(job: Job): JobDetail {
  const { spec } = job;
  const isParent = job.array?.kind === "parent";
  return {
    jobArn: arnOf("batch", `job/${job.id}`),
    jobId: job.id,
    jobName: spec.name,
    jobQueue: spec.queue.detail.jobQueueArn,
    jobDefinition: spec.definition.jobDefinitionArn,
    status: job.status,
    ...times(job),
    // The wire has it only once the job has started; the type wants it always.
    startedAt: job.startedAtMs,
    ...(job.statusReason !== undefined && { statusReason: job.statusReason }),
    attempts: job.attempts,
    retryStrategy: spec.retry,
    dependsOn: [...spec.dependsOn],
    parameters: { ...spec.parameters },
    tags: { ...spec.tags },
    platformCapabilities: [spec.platform],
    ...(spec.timeoutSeconds !== undefined && { timeout: { attemptDurationSeconds: spec.timeoutSeconds } }),
    ...(!isParent && { container: { ...spec.container, ...job.shown } }),
    ...(job.array !== null && { arrayProperties: arrayOf(job) }),
    isCancelled: job.isCancelled,
    isTerminated: job.isTerminated,
  };
}

export function summaryOf(detail: JobDetail): JobSummary {
  const { jobArn, jobId, jobName, status, statusReason, createdAt, startedAt, stoppedAt, jobDefinition, arrayProperties, container } =
    detail;
  const { exitCode, reason } = container ?? {};
  return {
    jobArn,
    jobId,
    jobName,
    status,
    jobDefinition,
    createdAt,
    ...(statusReason !== undefined && { statusReason }),
    ...(startedAt !== undefined && { startedAt }),
    ...(stoppedAt !== undefined && { stoppedAt }),
    ...(container !== undefined && { container: { ...(exitCode !== undefined && { exitCode }), ...(reason !== undefined && { reason }) } }),
    ...(arrayProperties !== undefined && { arrayProperties: { size: arrayProperties.size, index: arrayProperties.index } }),
  };
}

function times({ createdAtMs, stoppedAtMs }: Job): Pick<JobDetail, "createdAt" | "stoppedAt"> {
  return { createdAt: createdAtMs, ...(stoppedAtMs !== undefined && { stoppedAt: stoppedAtMs }) };
}

function arrayOf(job: Job): NonNullable<JobDetail["arrayProperties"]> {
  if (job.array?.kind === "child") return { index: job.array.index };
  const statusSummary = Object.fromEntries(statuses.map((status) => [status, 0]));
  for (const child of job.array?.children ?? []) statusSummary[child.status] = (statusSummary[child.status] ?? 0) + 1;
  return { size: job.spec.arraySize ?? 0, statusSummary };
}
