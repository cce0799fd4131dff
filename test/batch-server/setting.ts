// What an account usually has: queues for Fargate and EC2, each with spot machines first, and one that is on demand.

import type { CreateComputeEnvironmentRequest, CreateJobQueueRequest } from "@aws-sdk/client-batch";
import { account } from "./names.ts";

const maxvCpus = 256;
const network = { subnets: ["subnet-0a1b2c3d"], securityGroupIds: ["sg-0a1b2c3d"] };
const machines = { ...network, instanceTypes: ["optimal"], instanceRole: `arn:aws:iam::${account}:instance-profile/batch` };

export const usualEnvironments: readonly CreateComputeEnvironmentRequest[] = [
  managed("fargate-spot", { type: "FARGATE_SPOT", maxvCpus, ...network }),
  managed("fargate", { type: "FARGATE", maxvCpus, ...network }),
  managed("ec2-spot", { type: "SPOT", minvCpus: 0, maxvCpus, ...machines }),
  managed("ec2", { type: "EC2", minvCpus: 0, maxvCpus, ...machines }),
];

export const usualQueues: readonly CreateJobQueueRequest[] = [
  queueOf("fargate", ["fargate-spot", "fargate"]),
  queueOf("fargate-on-demand", ["fargate"]),
  queueOf("ec2", ["ec2-spot", "ec2"]),
  queueOf("ec2-on-demand", ["ec2"]),
];

function managed(
  computeEnvironmentName: string,
  computeResources: NonNullable<CreateComputeEnvironmentRequest["computeResources"]>,
): CreateComputeEnvironmentRequest {
  return { computeEnvironmentName, type: "MANAGED", computeResources: { ...computeResources } };
}

function queueOf(jobQueueName: string, environments: readonly string[]): CreateJobQueueRequest {
  const computeEnvironmentOrder = environments.map((computeEnvironment, order) => ({ order, computeEnvironment }));
  return { jobQueueName, priority: 1, state: "ENABLED", computeEnvironmentOrder };
}
