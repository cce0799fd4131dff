// Whether the stack's queues take jobs and have machines for them, and whether a job runs.

import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type * as Sdk from "@aws-sdk/client-batch";
import type { Finding } from "../commands/doctor.ts";
import { formatDuration } from "../format/duration.ts";
import { examine } from "./diagnosis.ts";
import type { StackView } from "./stack.ts";

/** Machines for a job may take minutes. */
const probeMsMax = 10 * 60_000;
const askMs = 1000;

type Batch = { readonly sdk: typeof Sdk; readonly client: Sdk.BatchClient };

export async function diagnoseBatch(
  { outputs }: StackView,
  { region, isProbing }: { readonly region: string | undefined; readonly isProbing: boolean },
): Promise<readonly Finding[]> {
  const sdk = await import("@aws-sdk/client-batch");
  const batch = { sdk, client: new sdk.BatchClient(region === undefined ? {} : { region }) };
  const { Queue, OnDemandQueue, Ec2Queue, GpuQueue, ProbeDefinition } = outputs;
  const queues = [Queue, OnDemandQueue, Ec2Queue, GpuQueue].filter((queue) => queue !== undefined);
  try {
    const findings: Finding[] = [];
    for (const queue of queues) findings.push(await aboutQueue(queue, batch));
    if (ProbeDefinition === undefined || Queue === undefined) return findings;
    findings.push(await aboutDefinition(ProbeDefinition, batch));
    if (isProbing) findings.push(await aboutJob({ queue: Queue, definition: ProbeDefinition }, batch));
    return findings;
  } finally {
    batch.client.destroy();
  }
}

function aboutQueue(queue: string, { sdk, client }: Batch): Promise<Finding> {
  const name = lastPart(queue);
  return examine("queue", {
    hint: "stepwell aws upgrade puts back what somebody has changed; the console shows why an environment is not valid",
    look: async () => {
      const { jobQueues = [] } = await client.send(new sdk.DescribeJobQueuesCommand({ jobQueues: [queue] }));
      const [found] = jobQueues;
      if (found === undefined) throw new Error(`there is no queue ${name}`);
      if (found.state !== "ENABLED" || found.status !== "VALID") {
        throw new Error(`${name} is ${found.state} and ${found.status}${because(found.statusReason)}`);
      }
      const environments = (found.computeEnvironmentOrder ?? []).map(({ computeEnvironment = "" }) => computeEnvironment);
      const input = { computeEnvironments: environments };
      const { computeEnvironments = [] } = await client.send(new sdk.DescribeComputeEnvironmentsCommand(input));
      const unwell = computeEnvironments.find(({ state, status }) => state !== "ENABLED" || status !== "VALID");
      if (unwell !== undefined) {
        const { computeEnvironmentName, state, status, statusReason } = unwell;
        throw new Error(`${name}: ${computeEnvironmentName} is ${state} and ${status}${because(statusReason)}`);
      }
      const types = computeEnvironments.map(({ computeResources }) => computeResources?.type ?? "unmanaged");
      return `${name}: ${types.join(", ")}`;
    },
  });
}

function because(reason: string | undefined): string {
  return reason === undefined || reason === "" ? "" : `: ${reason}`;
}

function lastPart(arn: string): string {
  return arn.split("/").at(-1) ?? arn;
}

function aboutDefinition(definition: string, { sdk, client }: Batch): Promise<Finding> {
  return examine("job definition", {
    hint: "stepwell aws upgrade registers it again",
    look: async () => {
      const input = { jobDefinitions: [definition] };
      const { jobDefinitions = [] } = await client.send(new sdk.DescribeJobDefinitionsCommand(input));
      if (jobDefinitions[0]?.status !== "ACTIVE") throw new Error(`${lastPart(definition)} is not active`);
      return lastPart(definition);
    },
  });
}

function aboutJob({ queue, definition }: { readonly queue: string; readonly definition: string }, batch: Batch): Promise<Finding> {
  return examine("probe job", {
    hint: "`stepwell aws status` names the stack's logs; what a job waits for is in its reason",
    look: async () => {
      const { sdk, client } = batch;
      const jobName = `stepwell-doctor-${randomUUID()}`;
      const submission = { jobName, jobQueue: queue, jobDefinition: definition, tags: { "stepwell:launch": "doctor" } };
      const { jobId = "" } = await client.send(new sdk.SubmitJobCommand(submission));
      return waitFor(jobId, batch);
    },
  });
}

/** @throws Error where it fails or never begins */
async function waitFor(jobId: string, { sdk, client }: Batch): Promise<string> {
  const startMs = performance.now();
  let last = "it is not known yet";
  while (performance.now() - startMs < probeMsMax) {
    const { jobs = [] } = await client.send(new sdk.DescribeJobsCommand({ jobs: [jobId] }));
    const [job] = jobs;
    if (job?.status === "SUCCEEDED") return `${jobId} ran, and ended after ${formatDuration(performance.now() - startMs)}`;
    const reason = job?.container?.reason ?? job?.statusReason;
    if (job?.status === "FAILED") throw new Error(`${jobId} failed${because(reason)}`);
    if (job !== undefined) last = `${job.status}${because(reason)}`;
    await sleep(askMs);
  }
  await client.send(new sdk.TerminateJobCommand({ jobId, reason: "stepwell doctor has waited long enough" }));
  throw new Error(`${jobId} did not end within ${formatDuration(probeMsMax)}: ${last}`);
}
