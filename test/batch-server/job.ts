// A job, as the server knows it. Children of arrays are jobs, too.

import type {
  AttemptContainerDetail,
  AttemptDetail,
  ContainerOverrides,
  ContainerProperties,
  JobDefinition,
  JobDependency,
  JobStatus,
  RetryStrategy,
} from "@aws-sdk/client-batch";
import type { Queue } from "./queues.ts";

export type Needs = { readonly vcpus: number; readonly memoryMiB: number; readonly gpus: number };

export type Platform = "EC2" | "FARGATE";

/** What the submission settled. */
export type JobSpec = {
  readonly name: string;
  readonly queue: Queue;
  readonly definition: JobDefinition;
  readonly platform: Platform;
  readonly container: ContainerProperties;
  readonly overrides: ContainerOverrides;
  readonly needs: Needs;
  readonly retry: RetryStrategy;
  readonly timeoutSeconds: number | undefined;
  readonly parameters: Readonly<Record<string, string>>;
  readonly tags: Readonly<Record<string, string>>;
  readonly dependsOn: readonly JobDependency[];
  readonly schedulingPriority: number;
  readonly arraySize: number | null;
};

export type Job = {
  readonly id: string;
  readonly spec: JobSpec;
  readonly createdAtMs: number;
  /** In the order of submission. */
  readonly sequence: number;
  readonly array:
    | { readonly kind: "parent"; readonly children: Job[]; left: number }
    | { readonly kind: "child"; readonly parent: Job; readonly index: number }
    | null;
  status: JobStatus;
  statusReason: string | undefined;
  startedAtMs: number | undefined;
  stoppedAtMs: number | undefined;
  attempts: AttemptDetail[];
  /** How many attempts began; the one that runs is among them. */
  attemptsBegun: number;
  isCancelled: boolean;
  isTerminated: boolean;
  /** What has run or runs, for the container's part of a description. */
  shown: Readonly<AttemptContainerDetail>;
};

export const finalStatuses: readonly JobStatus[] = ["SUCCEEDED", "FAILED"];

export function isOver(job: Job): boolean {
  return finalStatuses.includes(job.status);
}
