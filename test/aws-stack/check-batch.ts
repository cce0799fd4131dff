// What AWS Batch refuses, and what would run elsewhere or longer than it is meant to, in environments, queues and definitions.

import { listAt, objectAt, resourcesOf, textAt, textsAt, valueAt, type JsonObject, type Resource, type Stack } from "./template.ts";

const environmentType = "AWS::Batch::ComputeEnvironment";

export function checkBatch(stack: Stack): readonly string[] {
  return [
    ...resourcesOf(stack, environmentType).flatMap((one) => aboutEnvironment(one, stack)),
    ...resourcesOf(stack, "AWS::Batch::JobQueue").flatMap((one) => aboutQueue(one, stack)),
    ...resourcesOf(stack, "AWS::Batch::JobDefinition").flatMap(aboutDefinition),
  ];
}

const fargateTypes = ["FARGATE", "FARGATE_SPOT"];
const instanceTypes = ["EC2", "SPOT"];
/** Batch refuses these where it has the machines itself. */
const ofInstancesAlone = [
  "MinvCpus",
  "DesiredvCpus",
  "InstanceTypes",
  "InstanceRole",
  "AllocationStrategy",
  "Ec2Configuration",
  "Ec2KeyPair",
  "ImageId",
  "LaunchTemplate",
  "BidPercentage",
  "SpotIamFleetRole",
  "PlacementGroup",
  "Tags",
];
/** The strategies with which an environment can be changed in place. */
const strategies: Readonly<Record<string, readonly string[]>> = {
  SPOT: ["SPOT_PRICE_CAPACITY_OPTIMIZED", "SPOT_CAPACITY_OPTIMIZED"],
  EC2: ["BEST_FIT_PROGRESSIVE"],
};

function aboutEnvironment({ id, properties }: Resource, { parameters }: Stack): readonly string[] {
  const found: string[] = [];
  const say = (wrong: boolean, what: string): unknown => wrong && found.push(`${id}: ${what}`);
  const resources = objectAt(properties, "ComputeResources");
  const type = textAt(resources, "Type");
  say(valueAt(properties, "ReplaceComputeEnvironment") !== false, "is replaced by every update, which its queue is in the way of");
  say(valueAt(properties, "ComputeEnvironmentName") !== undefined, "has a name, so that it can never be replaced");
  say(textAt(properties, "Type") !== "MANAGED", "is not managed");
  say(textAt(properties, "State") !== "ENABLED", "is not enabled");
  say(textAt(resources, "MaxvCpus") !== parameters["MaxVcpus"], "has another limit than MaxVcpus");
  say(listAt(resources, "Subnets").length < 2, "is in fewer than two zones");
  say(listAt(resources, "SecurityGroupIds").length === 0, "has no security group");
  if (fargateTypes.includes(type)) {
    for (const name of ofInstancesAlone) say(valueAt(resources, name) !== undefined, `Fargate has no ${name}`);
    return found;
  }
  say(!instanceTypes.includes(type), `there is no type ${type}`);
  say(textAt(resources, "MinvCpus") !== "0", "keeps instances when there is nothing to do");
  say(!(strategies[type] ?? []).includes(textAt(resources, "AllocationStrategy")), "has no strategy that can be changed in place");
  say(listAt(resources, "InstanceTypes").length === 0, "names no instance types");
  say(textAt(resources, "LaunchTemplate", "LaunchTemplateId") === "", "has no launch template, and so no safe metadata");
  say(type === "EC2" && valueAt(resources, "BidPercentage") !== undefined, "bids for what is on demand");
  const image = textAt(listAt(resources, "Ec2Configuration")[0], "ImageType");
  const isGpu = textsAt(resources, "InstanceTypes").some((one) => /^[gp]\d/.test(one));
  say(isGpu !== image.endsWith("_NVIDIA"), `has the image ${image} for ${isGpu ? "instances with" : "instances without"} GPUs`);
  return found;
}

const environmentsMax = 3;
const waitSeconds = { least: 600, most: 86_400 };
/** What a job may be cancelled for while it waits: other words are never the reason. */
const waitReasons = [
  "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY",
  "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE",
  "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT",
];

function aboutQueue({ id, properties }: Resource, stack: Stack): readonly string[] {
  const found: string[] = [];
  const say = (wrong: boolean, what: string): unknown => wrong && found.push(`${id}: ${what}`);
  const order = listAt(properties, "ComputeEnvironmentOrder").toSorted((a, b) => Number(textAt(a, "Order")) - Number(textAt(b, "Order")));
  const types = order.map((one) => {
    const name = textAt(one, "ComputeEnvironment").replaceAll(/[«»]/g, "");
    return textAt(stack.resources.get(name)?.properties, "ComputeResources", "Type");
  });
  say(order.length === 0 || order.length > environmentsMax, `has ${order.length} environments`);
  say(new Set(order.map((one) => textAt(one, "Order"))).size < order.length, "has two environments in the same place");
  say(
    types.some((type) => fargateTypes.includes(type)) && types.some((type) => instanceTypes.includes(type)),
    `mixes Fargate and instances: ${types.join(", ")}`,
  );
  say(
    types.slice(1).some((type) => type.includes("SPOT")),
    "takes spot machines after those on demand",
  );
  say(id.includes("OnDemand") && types.some((type) => type.includes("SPOT")), "is for the last try, and has spot machines");
  say(!id.includes("OnDemand") && !types.some((type) => type.includes("SPOT")), "has no spot machines");
  say(textAt(properties, "State") !== "ENABLED", "is not enabled");
  say(valueAt(properties, "SchedulingPolicyArn") !== undefined, "shares fairly, and so wants a share identifier with every job");
  const limits = listAt(properties, "JobStateTimeLimitActions");
  for (const limit of limits) {
    const seconds = Number(textAt(limit, "MaxTimeSeconds"));
    say(seconds < waitSeconds.least || seconds > waitSeconds.most, `cancels what has waited for ${seconds} s`);
    say(!waitReasons.includes(textAt(limit, "Reason")), `cancels for "${textAt(limit, "Reason")}", which no job waits for`);
    say(textAt(limit, "State") !== "RUNNABLE" || textAt(limit, "Action") !== "CANCEL", "does something else than cancel what waits");
  }
  for (const reason of waitReasons.slice(1))
    say(!limits.some((one) => textAt(one, "Reason") === reason), `lets jobs wait for ever: ${reason}`);
  return found;
}

/** MiB for each number of vCPUs on Fargate. */
const fargateMiB: Readonly<Record<string, readonly number[]>> = {
  "0.25": [512, 1024, 2048],
  "0.5": steps(1024, 4096, 1024),
  "1": steps(2048, 8192, 1024),
  "2": steps(4096, 16_384, 1024),
  "4": steps(8192, 30_720, 1024),
  "8": steps(16_384, 61_440, 4096),
  "16": steps(32_768, 122_880, 8192),
};

function steps(from: number, to: number, by: number): readonly number[] {
  return Array.from({ length: (to - from) / by + 1 }, (_, index) => from + index * by);
}

const timeoutSecondsLeast = 60;
const attemptsMax = 10;
const rulesMax = 5;
const definitionBytesMax = 24 * 1024;

function aboutDefinition({ id, properties }: Resource): readonly string[] {
  const found: string[] = [];
  const say = (wrong: boolean, what: string): unknown => wrong && found.push(`${id}: ${what}`);
  const container = objectAt(properties, "ContainerProperties");
  const attempts = Number(textAt(properties, "RetryStrategy", "Attempts"));
  const seconds = Number(textAt(properties, "Timeout", "AttemptDurationSeconds"));
  say(textAt(properties, "Type") !== "container", "is no container");
  say(!(attempts >= 1 && attempts <= attemptsMax), `has ${attempts} attempts`);
  say(listAt(properties, "RetryStrategy", "EvaluateOnExit").length > rulesMax, "has more than five rules for its exit");
  say(!(seconds >= timeoutSecondsLeast), `ends after ${seconds} s: 60 is the least`);
  say(textAt(container, "Image") === "", "has no image");
  say(
    listAt(container, "Command").some((word) => word === ""),
    "has an empty word in its command",
  );
  const names = listAt(container, "Environment").map((one) => textAt(one, "Name"));
  say(
    names.some((name) => name.startsWith("AWS_BATCH")),
    "sets variables that Batch sets",
  );
  say(textAt(container, "LogConfiguration", "Options", "awslogs-group") === "", "has no log group");
  say(JSON.stringify(properties).length > definitionBytesMax, "is larger than Batch takes");
  if (listAt(properties, "PlatformCapabilities").includes("FARGATE")) found.push(...aboutFargate(id, container));
  return found;
}

function aboutFargate(id: string, container: JsonObject): readonly string[] {
  const found: string[] = [];
  const say = (wrong: boolean, what: string): unknown => wrong && found.push(`${id}: ${what}`);
  const needs = Object.fromEntries(listAt(container, "ResourceRequirements").map((one) => [textAt(one, "Type"), textAt(one, "Value")]));
  const { VCPU: cpu = "", MEMORY: memory = "" } = needs;
  say(!(fargateMiB[cpu] ?? []).includes(Number(memory)), `Fargate has no ${cpu} vCPU with ${memory} MiB`);
  say("GPU" in needs, "Fargate has no GPU");
  say(textAt(container, "ExecutionRoleArn") === "", "Fargate needs an execution role");
  say(textAt(container, "NetworkConfiguration", "AssignPublicIp") === "", "says not whether it has a public address");
  say(valueAt(container, "Privileged") === true, "Fargate runs nothing privileged");
  return found;
}
