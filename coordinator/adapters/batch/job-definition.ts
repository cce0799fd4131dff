// The job definition of a shape: all of a worker's container but the launch that it is for.

import { createHash } from "node:crypto";
import type { ContainerProperties, LinuxParameters, RegisterJobDefinitionRequest } from "@aws-sdk/client-batch";
import type { Container } from "../../../proto/container.ts";
import { shapeKey, spotVariable, type Shape } from "../../../proto/shape.ts";
import { type BatchSettings, jobSecondsMax } from "./batch-settings.ts";

/** What Batch takes for a definition, and for a submission. */
export const definitionBytesMax = 24 * 1024;
export const submissionBytesMax = 30 * 1024;
/** What ECS takes of it for one container. */
export const overridesBytesMax = 8192;

/** Every name that we give begins so: rights can be limited to it. */
export const namePrefix = "stepwell-";

/** Named by what it contains, so that equal ones are registered once, whoever does it. */
export function jobDefinitionOf(shape: Shape, container: Container, settings: BatchSettings): RegisterJobDefinitionRequest {
  const definition = {
    type: "container" as const,
    platformCapabilities: [container.platform === "fargate" ? ("FARGATE" as const) : ("EC2" as const)],
    // Who tries again is decided by the coordinator, where all other attempts are counted.
    retryStrategy: { attempts: 1 },
    timeout: { attemptDurationSeconds: jobSecondsMax },
    propagateTags: true,
    tags: { ...shape.options.tags, "stepwell:shape": shapeKey(shape) },
    containerProperties: propertiesOf(shape, container, settings),
  };
  const hash = createHash("sha256").update(JSON.stringify(definition)).digest("hex").slice(0, 24);
  const { vcpu, memoryMiB, gpu } = container;
  const size = `${vcpu}vcpu-${memoryMiB}mib${gpu > 0 ? `-${gpu}gpu` : ""}`.replaceAll(".", "_");
  return { jobDefinitionName: `${namePrefix}${size}-${hash}`, ...definition };
}

function propertiesOf(shape: Shape, container: Container, settings: BatchSettings): ContainerProperties {
  const { platform, vcpu, memoryMiB, gpu } = container;
  const { options } = shape;
  const jobRole = options.jobRole ?? settings.jobRole;
  const executionRole = options.executionRole ?? settings.executionRole;
  const accountOf = [settings.jobRole, settings.executionRole, ...Object.values(settings.queues)];
  return {
    image: shape.image ?? settings.image,
    command: [...settings.command],
    resourceRequirements: [
      { type: "VCPU", value: String(vcpu) },
      { type: "MEMORY", value: String(memoryMiB) },
      ...(gpu > 0 ? [{ type: "GPU" as const, value: String(gpu) }] : []),
    ],
    environment: Object.entries({ ...options.env, ...workerVariables(shape, container) }).map(([name, value]) => ({ name, value })),
    ...(jobRole !== null && { jobRoleArn: roleArn(jobRole, accountOf) }),
    ...(executionRole !== null && { executionRoleArn: roleArn(executionRole, accountOf) }),
    linuxParameters: linuxParametersOf(shape),
    ...(settings.logGroup !== null && {
      logConfiguration: {
        logDriver: "awslogs" as const,
        options: { "awslogs-group": settings.logGroup, "awslogs-stream-prefix": "worker" },
      },
    }),
    ...(platform === "fargate" && {
      networkConfiguration: { assignPublicIp: settings.publicIp ? ("ENABLED" as const) : ("DISABLED" as const) },
      ...(options.ephemeralStorage !== undefined && { ephemeralStorage: { sizeInGiB: options.ephemeralStorage } }),
    }),
  };
}

/** Fargate tells its containers that they will be taken away; EC2 tells who asks. */
function workerVariables({ capacity }: Shape, { platform }: Container): Readonly<Record<string, string>> {
  return platform === "ec2" && capacity === "spot" ? { [spotVariable]: "on" } : {};
}

/** A process in a container's first place gets no signal that it doesn't ask for, and buries nobody: one is put before it. */
function linuxParametersOf({ options: { sharedMemory, tmpfs, maxSwap, swappiness } }: Shape): LinuxParameters {
  return {
    initProcessEnabled: true,
    ...(sharedMemory !== undefined && { sharedMemorySize: sharedMemory }),
    ...(tmpfs !== undefined && { tmpfs: Object.entries(tmpfs).map(([containerPath, size]) => ({ containerPath, size })) }),
    ...(maxSwap !== undefined && { maxSwap }),
    ...(swappiness !== undefined && { swappiness }),
  };
}

/** Batch wants ARNs; people write names. The account is that of whatever else is named in full. */
function roleArn(role: string, others: readonly (string | null)[]): string {
  if (role.startsWith("arn:")) return role;
  for (const other of others) {
    const [, partition, account] = /^arn:([^:]+):[^:]+:[^:]*:(\d{12}):/.exec(other ?? "") ?? [];
    if (partition !== undefined) return `arn:${partition}:iam::${account}:role/${role}`;
  }
  return role;
}
