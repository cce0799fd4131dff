// A launcher of workers in AWS Batch, from the settings of a coordinator.

import { bootstrapCommand, type WorkerFile } from "../../coordinator/adapters/batch/bootstrap.ts";
import type { BatchSettings } from "../../coordinator/adapters/batch/batch-settings.ts";
import type { Launcher } from "../../coordinator/ports/launcher.ts";
import { CliError } from "../cli-error.ts";
import type { Settings } from "../settings.ts";

/** @throws CliError missing */
export async function openBatch(settings: Settings, worker: WorkerFile): Promise<Launcher> {
  const batch = batchSettings(settings, worker);
  const { openBatchLauncher } = await import("../../coordinator/adapters/batch/batch-launcher.ts");
  return openBatchLauncher({ settings: batch });
}

/** @throws CliError missing */
export function batchSettings(settings: Settings, worker: WorkerFile): BatchSettings {
  const queues = {
    fargate: orNull(settings.batchQueue),
    fargateOnDemand: orNull(settings.batchOnDemandQueue),
    ec2: orNull(settings.batchEc2Queue),
    ec2OnDemand: orNull(settings.batchEc2OnDemandQueue),
    gpu: orNull(settings.batchGpuQueue),
    gpuOnDemand: orNull(settings.batchGpuOnDemandQueue),
  };
  if (Object.values(queues).every((queue) => queue === null)) throw missing("a queue", "STEPWELL_BATCH_QUEUE", "its name or ARN");
  if (settings.batchImage === "") throw missing("an image", "STEPWELL_BATCH_IMAGE", "one that has Node, like node:24-bookworm-slim");
  const needsRole = queues.fargate !== null || queues.fargateOnDemand !== null;
  if (needsRole && settings.batchExecutionRole === "") {
    throw missing("an execution role, as Fargate does", "STEPWELL_BATCH_EXECUTION_ROLE", "its ARN");
  }
  return {
    queues,
    image: settings.batchImage,
    jobRole: orNull(settings.batchJobRole),
    executionRole: orNull(settings.batchExecutionRole),
    publicIp: settings.batchPublicIp === "on",
    logGroup: orNull(settings.batchLogGroup),
    command: bootstrapCommand(worker),
  };
}

function orNull(text: string): string | null {
  return text === "" ? null : text;
}

function missing(what: string, variable: string, value: string): CliError {
  return new CliError("missing", `--launcher batch needs ${what}`, {
    hint: `set ${variable} to ${value}; what \`stepwell aws deploy\` makes has one, and its outputs name it`,
  });
}
