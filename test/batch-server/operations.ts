// What clients can ask for, by the path of the request.

import type {
  CancelJobRequest,
  CancelJobsRequest,
  DeregisterJobDefinitionRequest,
  DescribeComputeEnvironmentsRequest,
  DescribeJobDefinitionsRequest,
  DescribeJobQueuesRequest,
  DescribeJobsRequest,
  JobDefinition,
  RegisterJobDefinitionRequest,
  SubmitJobRequest,
  TerminateJobRequest,
} from "@aws-sdk/client-batch";
import { allowOnly, invalid } from "./invalid.ts";
import type { Job } from "./job.ts";
import { listJobs } from "./list-jobs.ts";
import { arnOf, nameIn } from "./names.ts";
import { page } from "./page.ts";
import type { Queues } from "./queues.ts";
import { parseSubmission } from "./submission.ts";
import type { World } from "./world.ts";

/** `body` is what came as JSON: the SDK writes it after its own model, and what is in it is checked where it is used. */
type Operation = { readonly name: string; readonly run: (world: World, body: never, bytes: number) => object };

const describedMax = 100;
const endedMax = 50;
const reasonCharactersMax = 1024;

export const operations: Readonly<Record<string, Operation>> = {
  submitjob: { name: "SubmitJob", run: submitJob },
  describejobs: { name: "DescribeJobs", run: describeJobs },
  listjobs: { name: "ListJobs", run: listJobs },
  terminatejob: { name: "TerminateJob", run: (world, request: TerminateJobRequest) => end(world, request, "terminate") },
  canceljob: { name: "CancelJob", run: (world, request: CancelJobRequest) => end(world, request, "cancel") },
  terminatejobs: { name: "TerminateJobs", run: (world, request: CancelJobsRequest) => endMany(world, request, "terminate") },
  canceljobs: { name: "CancelJobs", run: (world, request: CancelJobsRequest) => endMany(world, request, "cancel") },
  registerjobdefinition: { name: "RegisterJobDefinition", run: registerDefinition },
  deregisterjobdefinition: { name: "DeregisterJobDefinition", run: deregisterDefinition },
  describejobdefinitions: { name: "DescribeJobDefinitions", run: describeDefinitions },
  createcomputeenvironment: {
    name: "CreateComputeEnvironment",
    run: ({ queues }, request: Parameters<Queues["createEnvironment"]>[0]) => namesOfEnvironment(queues.createEnvironment(request)),
  },
  updatecomputeenvironment: {
    name: "UpdateComputeEnvironment",
    run: ({ queues, scheduler }, request: Parameters<Queues["updateEnvironment"]>[0]) => {
      const environment = queues.updateEnvironment(request);
      scheduler.line.ask();
      return namesOfEnvironment(environment);
    },
  },
  deletecomputeenvironment: {
    name: "DeleteComputeEnvironment",
    run: ({ queues }, request: { readonly computeEnvironment?: string }) => {
      queues.deleteEnvironment(request.computeEnvironment ?? "");
      return {};
    },
  },
  describecomputeenvironments: { name: "DescribeComputeEnvironments", run: describeEnvironments },
  createjobqueue: {
    name: "CreateJobQueue",
    run: ({ queues }, request: Parameters<Queues["createQueue"]>[0]) => namesOfQueue(queues.createQueue(request)),
  },
  updatejobqueue: {
    name: "UpdateJobQueue",
    run: ({ queues, scheduler }, request: Parameters<Queues["updateQueue"]>[0]) => {
      const queue = queues.updateQueue(request);
      scheduler.line.renew(queue);
      return namesOfQueue(queue);
    },
  },
  deletejobqueue: {
    name: "DeleteJobQueue",
    run: ({ queues }, request: { readonly jobQueue?: string }) => {
      queues.deleteQueue(request.jobQueue ?? "");
      return {};
    },
  },
  describejobqueues: { name: "DescribeJobQueues", run: describeQueues },
};

function submitJob({ definitions, queues, scheduler }: World, request: SubmitJobRequest, bytes: number): object {
  const job = scheduler.submit(parseSubmission(request, bytes, { definitions, queues, jobs: scheduler.jobs }));
  return { jobArn: arnOf("batch", `job/${job.id}`), jobName: job.spec.name, jobId: job.id };
}

function describeJobs({ scheduler, glass }: World, request: DescribeJobsRequest): object {
  allowOnly(request, ["jobs"], "DescribeJobs");
  const ids = request.jobs ?? [];
  if (ids.length > describedMax) throw invalid(`Maximum number of jobs supported is ${describedMax}`);
  const known = ids.map((id) => scheduler.jobs.get(nameIn(id, "job"))).filter((job) => job !== undefined);
  return { jobs: known.map((job) => glass.see(job)).filter((detail) => detail !== null) };
}

function jobNamed({ scheduler }: World, id: string | undefined): Job {
  const job = scheduler.jobs.get(id ?? "");
  if (job === undefined) throw invalid(`Job ${id} does not exist`);
  return job;
}

function end(world: World, request: TerminateJobRequest, how: "terminate" | "cancel"): object {
  allowOnly(request, ["jobId", "reason"], how);
  const { reason } = request;
  if (reason === undefined || reason === "") throw invalid("reason must be provided");
  if (reason.length > reasonCharactersMax) throw invalid(`reason can have at most ${reasonCharactersMax} characters`);
  world.scheduler[how](jobNamed(world, request.jobId), reason);
  return {};
}

function endMany(world: World, request: CancelJobsRequest, how: "terminate" | "cancel"): object {
  allowOnly(request, ["jobs", "reason"], how);
  const ids = request.jobs ?? [];
  if (ids.length === 0 || ids.length > endedMax) throw invalid(`jobs must have 1 to ${endedMax} entries`);
  const successful: string[] = [];
  const errors: object[] = [];
  for (const jobId of ids) {
    try {
      end(world, { jobId, reason: request.reason }, how);
      successful.push(jobId);
    } catch (error) {
      errors.push({ job: jobId, code: "ClientException", message: error instanceof Error ? error.message : String(error) });
    }
  }
  return { successful, errors };
}

function registerDefinition({ definitions }: World, request: RegisterJobDefinitionRequest): object {
  const { jobDefinitionName, jobDefinitionArn, revision } = definitions.register(request);
  return { jobDefinitionName, jobDefinitionArn, revision };
}

function deregisterDefinition({ definitions }: World, request: DeregisterJobDefinitionRequest): object {
  definitions.deregister(request.jobDefinition ?? "");
  return {};
}

function describeDefinitions({ definitions }: World, request: DescribeJobDefinitionsRequest): object {
  allowOnly(request, ["jobDefinitions", "jobDefinitionName", "status", "maxResults", "nextToken"], "DescribeJobDefinitions");
  const { jobDefinitions, jobDefinitionName, status } = request;
  if (jobDefinitions !== undefined && jobDefinitions.length > describedMax) throw invalid(`at most ${describedMax} jobDefinitions`);
  const isMeant = (one: JobDefinition): boolean =>
    (jobDefinitions ?? [one.jobDefinitionArn]).some((name) =>
      [one.jobDefinitionArn, `${one.jobDefinitionName}:${one.revision}`, one.jobDefinitionName].includes(name),
    ) &&
    (jobDefinitionName ?? one.jobDefinitionName) === one.jobDefinitionName &&
    (status ?? one.status) === one.status;
  const { items, rest } = page(definitions.all().filter(isMeant), request, 100);
  return { jobDefinitions: items, ...rest };
}

function describeEnvironments({ queues }: World, request: DescribeComputeEnvironmentsRequest): object {
  allowOnly(request, ["computeEnvironments", "maxResults", "nextToken"], "DescribeComputeEnvironments");
  const wanted = request.computeEnvironments?.map((name) => nameIn(name, "compute-environment"));
  const all = [...queues.environments].filter(([name]) => wanted?.includes(name) ?? true).map(([, { detail }]) => detail);
  const { items, rest } = page(all, request, 100);
  return { computeEnvironments: items, ...rest };
}

function describeQueues({ queues }: World, request: DescribeJobQueuesRequest): object {
  allowOnly(request, ["jobQueues", "maxResults", "nextToken"], "DescribeJobQueues");
  const wanted = request.jobQueues?.map((name) => nameIn(name, "job-queue"));
  const all = [...queues.queues].filter(([name]) => wanted?.includes(name) ?? true).map(([, { detail }]) => detail);
  const { items, rest } = page(all, request, 100);
  return { jobQueues: items, ...rest };
}

function namesOfEnvironment({ detail }: ReturnType<Queues["environment"]>): object {
  return { computeEnvironmentName: detail.computeEnvironmentName, computeEnvironmentArn: detail.computeEnvironmentArn };
}

function namesOfQueue({ detail }: ReturnType<Queues["queue"]>): object {
  return { jobQueueName: detail.jobQueueName, jobQueueArn: detail.jobQueueArn };
}
