// Job definitions: what is accepted, and which one a name means.

import type { ContainerProperties, JobDefinition, KeyValuePair, RegisterJobDefinitionRequest, RetryStrategy } from "@aws-sdk/client-batch";
import { allowOnly, invalid } from "./invalid.ts";
import type { Platform } from "./job.ts";
import { arnOf, nameIn } from "./names.ts";
import { needsOf } from "./shapes.ts";

const definitionBytesMax = 24 * 1024;
const attemptsMax = 10;
const rulesMax = 5;
const timeoutSecondsMin = 60;
const fargateTimeoutSecondsMax = 14 * 24 * 3600;
const tagsMax = 50;
export const namePattern = /^[A-Za-z0-9][\w-]{0,127}$/;

const containerMembers =
  "image command jobRoleArn executionRoleArn volumes environment mountPoints readonlyRootFilesystem privileged ulimits user resourceRequirements linuxParameters logConfiguration secrets networkConfiguration fargatePlatformConfiguration ephemeralStorage runtimePlatform enableExecuteCommand".split(
    " ",
  );
const definitionMembers =
  "jobDefinitionName type parameters schedulingPriority containerProperties retryStrategy propagateTags timeout tags platformCapabilities".split(
    " ",
  );

export class Definitions {
  readonly #byName = new Map<string, JobDefinition[]>();

  /** @throws Refusal */
  register(request: RegisterJobDefinitionRequest): JobDefinition {
    allowOnly(request, definitionMembers, "RegisterJobDefinition");
    const name = request.jobDefinitionName ?? "";
    if (!namePattern.test(name)) throw invalid("Job definition name should match valid pattern");
    if (request.type !== "container") throw invalid(`type ${request.type} is not known to this server`);
    if (JSON.stringify(request).length > definitionBytesMax) throw invalid(`Job definition is larger than ${definitionBytesMax} bytes`);
    const container = request.containerProperties;
    if (container === undefined) throw invalid("containerProperties must be provided for type container");
    const platform = platformOf(request);
    checkContainer(container, platform);
    checkRetry(request.retryStrategy);
    checkTimeout(request.timeout?.attemptDurationSeconds, platform);
    checkTags(request.tags);
    const revisions = this.#byName.get(name) ?? [];
    const revision = revisions.length + 1;
    const definition: JobDefinition = {
      ...request,
      jobDefinitionName: name,
      type: request.type,
      jobDefinitionArn: arnOf("batch", `job-definition/${name}:${revision}`),
      revision,
      status: "ACTIVE",
      platformCapabilities: [platform],
      containerOrchestrationType: "ECS",
    };
    this.#byName.set(name, [...revisions, definition]);
    return definition;
  }

  deregister(reference: string): void {
    const [name, revision] = split(reference);
    if (revision === null) throw invalid("Revision must be given to deregister a job definition");
    const found = this.#byName.get(name)?.[revision - 1];
    if (found !== undefined) found.status = "INACTIVE";
  }

  /** The latest active one of a name, or the revision that is named. @throws Refusal */
  resolve(reference: string): JobDefinition {
    const [name, revision] = split(reference);
    const all = this.#byName.get(name) ?? [];
    const found = revision === null ? all.findLast(({ status }) => status === "ACTIVE") : all[revision - 1];
    if (found === undefined) throw invalid(`JobDefinition ${reference} does not exist`);
    if (found.status !== "ACTIVE") throw invalid(`JobDefinition ${reference} is not in ACTIVE status`);
    return found;
  }

  find(arn: string): JobDefinition | undefined {
    return this.all().find(({ jobDefinitionArn }) => jobDefinitionArn === arn);
  }

  /** The newest first. */
  all(): JobDefinition[] {
    return [...this.#byName.values()].flatMap((revisions) => revisions.toReversed());
  }
}

export function platformOf({ platformCapabilities = [] }: Pick<JobDefinition, "platformCapabilities">): Platform {
  if (platformCapabilities.length > 1) throw invalid("Only one platform capability may be given");
  const [only = "EC2"] = platformCapabilities;
  if (only !== "EC2" && only !== "FARGATE") throw invalid(`Platform capability ${only} is not known to this server`);
  return only;
}

export function checkContainer(container: ContainerProperties, platform: Platform): void {
  allowOnly(container, containerMembers, "containerProperties");
  if (container.image === undefined || container.image === "") throw invalid("image must be provided");
  for (const role of ["jobRoleArn", "executionRoleArn"] as const) {
    if (container[role] !== undefined && !/^arn:aws[\w-]*:iam::\d{12}:role\/./.test(container[role]))
      throw invalid(`${role} is not the ARN of a role`);
  }
  needsOf(container, platform);
  checkCommand(container.command);
  checkEnvironment(container.environment);
  if (platform === "FARGATE") checkFargate(container);
  else {
    if (container.networkConfiguration !== undefined) throw invalid("networkConfiguration is not applicable for EC2");
    if (container.fargatePlatformConfiguration !== undefined) throw invalid("fargatePlatformConfiguration is not applicable for EC2");
    if (container.ephemeralStorage !== undefined) throw invalid("ephemeralStorage is not applicable for EC2");
  }
}

function checkFargate(container: ContainerProperties): void {
  if (container.executionRoleArn === undefined) throw invalid("executionRoleArn must be provided for Fargate");
  if (container.privileged === true) throw invalid("privileged is not applicable for Fargate");
  const linux = container.linuxParameters ?? {};
  const impossible = (["devices", "sharedMemorySize", "tmpfs", "maxSwap", "swappiness"] as const).find((name) => linux[name] !== undefined);
  if (impossible !== undefined) throw invalid(`linuxParameters.${impossible} is not applicable for Fargate`);
  const size = container.ephemeralStorage?.sizeInGiB;
  if (size !== undefined && !(size >= 21 && size <= 200)) throw invalid("ephemeralStorage.sizeInGiB must be between 21 and 200");
}

export function checkCommand(command: readonly string[] | undefined): void {
  if (command?.some((word) => word === "") === true) throw invalid("Container command can not contain empty values");
}

export function checkEnvironment(environment: readonly KeyValuePair[] | undefined): void {
  for (const { name, value } of environment ?? []) {
    if (name === undefined || name === "" || typeof value !== "string") throw invalid("environment entries must have a name and a value");
    if (name.startsWith("AWS_BATCH")) throw invalid(`Environment variables cannot start with AWS_BATCH: ${name}`);
  }
}

export function checkRetry(retry: RetryStrategy | undefined): void {
  const attempts = retry?.attempts;
  if (attempts !== undefined && !(Number.isInteger(attempts) && attempts >= 1 && attempts <= attemptsMax)) {
    throw invalid(`retryStrategy.attempts must be between 1 and ${attemptsMax}`);
  }
  const rules = retry?.evaluateOnExit ?? [];
  if (rules.length > rulesMax) throw invalid(`evaluateOnExit can have at most ${rulesMax} entries`);
  for (const { action, onExitCode, onReason, onStatusReason } of rules) {
    if (!/^(retry|exit)$/i.test(action ?? "")) throw invalid("evaluateOnExit action must be RETRY or EXIT");
    const patterns = [onExitCode, onReason, onStatusReason].filter((pattern) => pattern !== undefined);
    if (patterns.length === 0) throw invalid("evaluateOnExit needs a condition");
    for (const pattern of patterns) {
      if (pattern.length > 512 || pattern.slice(0, -1).includes("*"))
        throw invalid(`evaluateOnExit: ${pattern} may have * only at its end`);
    }
    if (onExitCode !== undefined && !/^\d*\*?$/.test(onExitCode)) throw invalid(`evaluateOnExit: onExitCode ${onExitCode} is not a number`);
  }
}

export function checkTimeout(seconds: number | undefined, platform: Platform): void {
  if (seconds === undefined) return;
  if (!(seconds >= timeoutSecondsMin)) throw invalid(`timeout.attemptDurationSeconds must be at least ${timeoutSecondsMin}`);
  if (platform === "FARGATE" && seconds > fargateTimeoutSecondsMax) throw invalid("timeout on Fargate can be at most 14 days");
}

export function checkTags(tags: Readonly<Record<string, string>> | undefined): void {
  const entries = Object.entries(tags ?? {});
  if (entries.length > tagsMax) throw invalid(`at most ${tagsMax} tags`);
  for (const [name, value] of entries) {
    if (name.startsWith("aws:") || name.length > 128 || value.length > 256) throw invalid(`tag ${name} is not valid`);
  }
}

function split(reference: string): readonly [string, number | null] {
  const [name = "", revision] = nameIn(reference, "job-definition").split(":");
  return [name, revision === undefined ? null : Number(revision)];
}
