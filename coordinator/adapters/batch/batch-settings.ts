// What a coordinator must know of an AWS account to have workers in its Batch. None of it is secret: credentials come from
// wherever AWS users have them.

import type { Container } from "../../../proto/container.ts";
import type { BatchPlatform } from "../../../proto/graph.ts";
import type { Shape } from "../../../proto/shape.ts";

/** Names or ARNs; null where there is none. */
export type BatchQueues = {
  readonly fargate: string | null;
  /** For what must not be interrupted. Null: the other one of the platform, as for the next ones. */
  readonly fargateOnDemand: string | null;
  readonly ec2: string | null;
  readonly ec2OnDemand: string | null;
  readonly gpu: string | null;
  readonly gpuOnDemand: string | null;
};

export type BatchSettings = {
  readonly queues: BatchQueues;
  /** Where steps don't name one. */
  readonly image: string;
  readonly jobRole: string | null;
  /** Fargate needs one. */
  readonly executionRole: string | null;
  /** Of containers on Fargate, which in public subnets reach nothing without one. */
  readonly publicIp: boolean;
  /** In CloudWatch; null: Batch's own. */
  readonly logGroup: string | null;
  /** What the container runs; all else it reads in its environment. */
  readonly command: readonly string[];
};

/** Batch itself ends what has run for so long, whatever became of the coordinator. */
export const jobSecondsMax = 14 * 24 * 3600;

/** Where shapes go that name no platform. */
export function defaultPlatform({ fargate, fargateOnDemand }: BatchQueues): BatchPlatform {
  return fargate === null && fargateOnDemand === null ? "ec2" : "fargate";
}

/** Null where the account has none for it. */
export function queueFor({ queue, capacity }: Shape, { platform, gpu }: Container, queues: BatchQueues): string | null {
  if (queue !== null) return queue;
  const { fargate, fargateOnDemand, ec2, ec2OnDemand } = queues;
  const [spot, onDemand] =
    platform === "fargate"
      ? [fargate, fargateOnDemand]
      : gpu > 0
        ? [queues.gpu ?? ec2, queues.gpuOnDemand ?? ec2OnDemand]
        : [ec2, ec2OnDemand];
  return capacity === "spot" ? (spot ?? onDemand) : (onDemand ?? spot);
}
