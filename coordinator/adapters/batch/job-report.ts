// What Batch says of jobs, as the coordinator wants to know it.

import type { JobDetail, JobSummary } from "@aws-sdk/client-batch";
import { failuresToldMax, type JobFailure, type JobFailureKind, type JobStages } from "../../ports/launcher.ts";

/** Every reason for which we end a job begins so: Batch repeats it, and tells nobody else's endings from ours. */
export const reasonPrefix = "Stepwell: ";

const stageOf: Readonly<Record<string, keyof JobStages>> = {
  SUBMITTED: "waiting",
  PENDING: "waiting",
  RUNNABLE: "waiting",
  STARTING: "starting",
  RUNNING: "running",
  SUCCEEDED: "succeeded",
  FAILED: "failed",
};

function stageNamed(status: string | undefined): keyof JobStages {
  return stageOf[status ?? ""] ?? "waiting";
}

export function isOver(status: string | undefined): boolean {
  return status === "SUCCEEDED" || status === "FAILED";
}

/** The summary of an array's children lags behind the job: whoever is not in it is where the job is. */
export function stagesOf({ status, arrayProperties }: JobDetail): JobStages {
  const stages = { waiting: 0, starting: 0, running: 0, succeeded: 0, failed: 0 };
  const size = arrayProperties?.size ?? 1;
  let counted = 0;
  for (const [name, count] of Object.entries(arrayProperties?.statusSummary ?? {})) {
    stages[stageNamed(name)] += count;
    counted += count;
  }
  stages[stageNamed(status)] += Math.max(0, size - counted);
  return stages;
}

/** Children of an array that wait, or that have failed; of a job without children, itself. */
export function failuresOf(jobs: readonly (JobSummary | JobDetail)[]): readonly JobFailure[] {
  return jobs
    .filter(({ status }) => status === "FAILED")
    .toSorted((a, b) => (b.stoppedAt ?? 0) - (a.stoppedAt ?? 0))
    .slice(0, failuresToldMax)
    .map((job) => {
      const { statusReason = "", container, arrayProperties } = job;
      const { exitCode = null, reason = "" } = container ?? {};
      const kind = failureKindOf(job);
      const words = [statusReason, reason].filter((text) => text !== "").join(": ");
      return { index: arrayProperties?.index ?? 0, kind, exitCode, reason: words === "" ? "Batch gives no reason" : words };
    });
}

function failureKindOf(job: JobSummary | JobDetail): JobFailureKind {
  const { statusReason = "", container } = job;
  const { exitCode, reason = "" } = container ?? {};
  if (/^OutOfMemory/i.test(reason)) return "outOfMemory";
  if (/^Host EC2/i.test(statusReason) || /Spot Task was interrupted/i.test(statusReason)) return "hostLost";
  if (/^(CannotPull|ResourceInitializationError|CannotStartContainer|CannotCreateContainer|DockerTimeoutError)/i.test(reason))
    return "image";
  if (/^Task failed to start/i.test(statusReason)) return "image";
  if (/exceeded timeout/i.test(statusReason)) return "timeout";
  if (/^(CAPACITY|MISCONFIGURATION|UNDETERMINED)\b/.test(statusReason)) return "impossible";
  if (statusReason.startsWith(reasonPrefix) || job.isCancelled === true || ("isTerminated" in job && job.isTerminated === true))
    return "ended";
  if (exitCode === undefined) return "ended";
  // Killed, and nobody says by whom: it was the kernel.
  return exitCode === 137 ? "outOfMemory" : "exit";
}

/** Why those wait that could start. */
export function waitingReasonOf(jobs: readonly (JobSummary | JobDetail)[]): string | null {
  const waiting = jobs.filter(({ status }) => stageNamed(status) === "waiting");
  return waiting.find(({ statusReason = "" }) => statusReason !== "")?.statusReason ?? null;
}

/** The page of a job in AWS's console. */
export function consoleLink(region: string, job: string): string {
  const host = region.startsWith("cn-")
    ? "console.amazonaws.cn"
    : region.startsWith("us-gov-")
      ? "console.amazonaws-us-gov.com"
      : "console.aws.amazon.com";
  return `https://${region}.${host}/batch/home?region=${region}#jobs/detail/${encodeURIComponent(job)}`;
}
