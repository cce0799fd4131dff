// Compute environments and the queues in front of them.

import type {
  ComputeEnvironmentDetail,
  ComputeResource,
  CreateComputeEnvironmentRequest,
  CreateJobQueueRequest,
  JobQueueDetail,
  UpdateComputeEnvironmentRequest,
  UpdateJobQueueRequest,
} from "@aws-sdk/client-batch";
import { checkTags, namePattern } from "./definitions.ts";
import { allowOnly, invalid } from "./invalid.ts";
import type { Platform } from "./job.ts";
import { arnOf, nameIn } from "./names.ts";

export type Environment = {
  readonly detail: ComputeEnvironmentDetail;
  readonly platform: Platform;
  readonly isSpot: boolean;
  readonly resources: ComputeResource;
  /** A fault: Amazon has nothing to give. */
  isExhausted: boolean;
};

export type Queue = { readonly detail: JobQueueDetail; readonly environments: Environment[] };

const environmentsPerQueueMax = 3;
const queuesMax = 50;
const limitSecondsMin = 600;
const limitSecondsMax = 86_400;
export const blockReasons = {
  capacity: "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY",
  maxResource: "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE",
  requirement: "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT",
  permissions: "MISCONFIGURATION:SERVICE_ROLE_PERMISSIONS",
  unknown: "UNDETERMINED",
} as const;

export class Queues {
  readonly environments = new Map<string, Environment>();
  readonly queues = new Map<string, Queue>();

  createEnvironment(request: CreateComputeEnvironmentRequest): Environment {
    allowOnly(
      request,
      ["computeEnvironmentName", "type", "state", "computeResources", "serviceRole", "tags", "replaceComputeEnvironment"],
      "CreateComputeEnvironment",
    );
    const name = request.computeEnvironmentName ?? "";
    if (!namePattern.test(name)) throw invalid("computeEnvironmentName should match valid pattern");
    if (this.environments.has(name)) throw invalid("Object already exists");
    const resources = request.computeResources;
    if (request.type !== "MANAGED" || resources === undefined) throw invalid("this server knows managed environments only");
    checkTags(request.tags);
    const environment: Environment = {
      detail: {
        computeEnvironmentName: name,
        computeEnvironmentArn: arnOf("batch", `compute-environment/${name}`),
        ecsClusterArn: arnOf("ecs", `cluster/AWSBatch-${name}`),
        type: "MANAGED",
        state: request.state ?? "ENABLED",
        status: "VALID",
        statusReason: "ComputeEnvironment Healthy",
        computeResources: resources,
        containerOrchestrationType: "ECS",
        ...(request.serviceRole !== undefined && { serviceRole: request.serviceRole }),
        ...(request.tags !== undefined && { tags: request.tags }),
      },
      ...kindOf(resources),
      resources,
      isExhausted: false,
    };
    this.environments.set(name, environment);
    return environment;
  }

  updateEnvironment(request: UpdateComputeEnvironmentRequest): Environment {
    allowOnly(request, ["computeEnvironment", "state", "computeResources"], "UpdateComputeEnvironment");
    allowOnly(request.computeResources ?? {}, ["maxvCpus"], "computeResources");
    const environment = this.environment(request.computeEnvironment ?? "");
    if (request.state !== undefined) environment.detail.state = request.state;
    const max = request.computeResources?.maxvCpus;
    if (max !== undefined) environment.resources.maxvCpus = max;
    return environment;
  }

  deleteEnvironment(reference: string): void {
    const environment = this.environment(reference);
    if (environment.detail.state !== "DISABLED") throw invalid("Cannot delete, resource is not DISABLED");
    for (const queue of this.queues.values()) {
      if (queue.environments.includes(environment)) throw invalid("Cannot delete, found existing JobQueue relationship");
    }
    this.environments.delete(environment.detail.computeEnvironmentName ?? "");
  }

  createQueue(request: CreateJobQueueRequest): Queue {
    allowOnly(
      request,
      ["jobQueueName", "state", "priority", "computeEnvironmentOrder", "tags", "jobStateTimeLimitActions"],
      "CreateJobQueue",
    );
    const name = request.jobQueueName ?? "";
    if (!namePattern.test(name)) throw invalid("jobQueueName should match valid pattern");
    if (this.queues.has(name)) throw invalid("Object already exists");
    if (this.queues.size >= queuesMax) throw invalid(`Maximum number of job queues is ${queuesMax}`);
    if (typeof request.priority !== "number") throw invalid("priority must be provided");
    checkTags(request.tags);
    checkLimits(request.jobStateTimeLimitActions);
    const queue: Queue = {
      detail: {
        jobQueueName: name,
        jobQueueArn: arnOf("batch", `job-queue/${name}`),
        state: request.state ?? "ENABLED",
        status: "VALID",
        statusReason: "JobQueue Healthy",
        priority: request.priority,
        computeEnvironmentOrder: [],
        ...(request.tags !== undefined && { tags: request.tags }),
      },
      environments: [],
    };
    this.#order(queue, request);
    this.queues.set(name, queue);
    return queue;
  }

  updateQueue(request: UpdateJobQueueRequest): Queue {
    allowOnly(request, ["jobQueue", "state", "priority", "computeEnvironmentOrder", "jobStateTimeLimitActions"], "UpdateJobQueue");
    const queue = this.queue(request.jobQueue ?? "");
    checkLimits(request.jobStateTimeLimitActions);
    if (request.state !== undefined) queue.detail.state = request.state;
    if (request.priority !== undefined) queue.detail.priority = request.priority;
    this.#order(queue, request);
    return queue;
  }

  deleteQueue(reference: string): void {
    const { detail } = this.queue(reference);
    if (detail.state !== "DISABLED") throw invalid("Cannot delete, resource is not DISABLED");
    this.queues.delete(detail.jobQueueName ?? "");
  }

  /** @throws Refusal */
  environment(reference: string): Environment {
    const found = this.environments.get(nameIn(reference, "compute-environment"));
    if (found === undefined) throw invalid(`ComputeEnvironment ${reference} does not exist`);
    return found;
  }

  /** @throws Refusal */
  queue(reference: string): Queue {
    const found = this.queues.get(nameIn(reference, "job-queue"));
    if (found === undefined) throw invalid(`JobQueue ${reference} does not exist`);
    return found;
  }

  #order(queue: Queue, request: Pick<UpdateJobQueueRequest, "computeEnvironmentOrder" | "jobStateTimeLimitActions">): void {
    if (request.jobStateTimeLimitActions !== undefined) queue.detail.jobStateTimeLimitActions = request.jobStateTimeLimitActions;
    if (request.computeEnvironmentOrder === undefined) return;
    const ordered = request.computeEnvironmentOrder.toSorted((a, b) => (a.order ?? 0) - (b.order ?? 0));
    if (ordered.length === 0 || ordered.length > environmentsPerQueueMax) {
      throw invalid(`computeEnvironmentOrder must have 1 to ${environmentsPerQueueMax} entries`);
    }
    const environments = ordered.map(({ computeEnvironment }) => this.environment(computeEnvironment ?? ""));
    if (new Set(environments.map(({ platform }) => platform)).size > 1) {
      throw invalid("computeEnvironmentOrder can not mix Fargate and EC2 compute environments");
    }
    queue.detail.computeEnvironmentOrder = ordered;
    queue.environments.splice(0, Infinity, ...environments);
  }
}

/** What a queue's jobs run on. @throws Refusal if there is nothing */
export function platformIn({ environments, detail }: Queue): Platform {
  const [first] = environments;
  if (first === undefined) throw invalid(`JobQueue ${detail.jobQueueName} has no compute environment`);
  return first.platform;
}

function kindOf(resources: ComputeResource): Pick<Environment, "platform" | "isSpot"> {
  const { type, maxvCpus } = resources;
  if (!(Number.isInteger(maxvCpus) && Number(maxvCpus) >= 1)) throw invalid("maxvCpus must be provided");
  if ((resources.subnets ?? []).length === 0) throw invalid("subnets must be provided");
  switch (type) {
    case "FARGATE":
    case "FARGATE_SPOT": {
      const impossible = (["minvCpus", "desiredvCpus", "instanceTypes", "allocationStrategy", "instanceRole"] as const).find(
        (name) => resources[name] !== undefined,
      );
      if (impossible !== undefined) throw invalid(`${impossible} is not applicable for Fargate`);
      if ((resources.securityGroupIds ?? []).length === 0) throw invalid("securityGroupIds must be provided for Fargate");
      return { platform: "FARGATE", isSpot: type === "FARGATE_SPOT" };
    }
    case "EC2":
    case "SPOT":
      if ((resources.instanceTypes ?? []).length === 0) throw invalid("instanceTypes must be provided");
      if (resources.instanceRole === undefined) throw invalid("instanceRole must be provided");
      return { platform: "EC2", isSpot: type === "SPOT" };
    case "ECS_MANAGED_INSTANCES":
    case undefined:
    default:
      throw invalid(`computeResources.type ${type} is not known to this server`);
  }
}

function checkLimits(actions: CreateJobQueueRequest["jobStateTimeLimitActions"]): void {
  const reasons: readonly string[] = [blockReasons.capacity, blockReasons.maxResource, blockReasons.requirement];
  for (const { reason, state, maxTimeSeconds, action } of actions ?? []) {
    if (state !== "RUNNABLE" || action !== "CANCEL") throw invalid("jobStateTimeLimitActions: only RUNNABLE and CANCEL are possible");
    if (!reasons.includes(reason ?? "")) throw invalid(`jobStateTimeLimitActions: reason ${reason} is not valid`);
    if (!(Number(maxTimeSeconds) >= limitSecondsMin && Number(maxTimeSeconds) <= limitSecondsMax)) {
      throw invalid(`jobStateTimeLimitActions: maxTimeSeconds must be between ${limitSecondsMin} and ${limitSecondsMax}`);
    }
  }
}
