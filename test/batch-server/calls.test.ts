// Calls of the Batch test server: who may make them, how often, what is refused and with which words, and how they fail.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  BatchClient,
  ClientException,
  CreateComputeEnvironmentCommand,
  CreateJobQueueCommand,
  DeregisterJobDefinitionCommand,
  DescribeComputeEnvironmentsCommand,
  DescribeJobDefinitionsCommand,
  DescribeJobsCommand,
  ListJobsCommand,
  ListTagsForResourceCommand,
  RegisterJobDefinitionCommand,
  ServerException,
  SubmitJobCommand,
  TerminateJobCommand,
  UpdateJobQueueCommand,
  type BatchClientConfig,
  type BatchServiceException,
  type RegisterJobDefinitionRequest,
  type SubmitJobRequest,
} from "@aws-sdk/client-batch";
import { testCredentials } from "../aws/signature.ts";
import { BatchFixture, fargateContainer } from "./fixture.ts";
import { Throttle } from "./throttle.ts";

const quick = { timeScale: 1000 };

function clientOf(batch: BatchFixture, config: BatchClientConfig = {}): BatchClient {
  return new BatchClient({ endpoint: batch.server.endpoint, region: "eu-west-1", credentials: testCredentials, maxAttempts: 1, ...config });
}

const ask = new DescribeJobsCommand({ jobs: [] });
const submission: SubmitJobRequest = { jobName: "job", jobQueue: "fargate", jobDefinition: "fargate" };

test("calls with another secret, an unknown key, a wrong clock, or no signature are refused", async () => {
  await using batch = await BatchFixture.start(quick);
  const wrongSecret = clientOf(batch, { credentials: { ...testCredentials, secretAccessKey: "other" } });
  await assert.rejects(wrongSecret.send(ask), { name: "InvalidSignatureException", $fault: "client" });
  const unknown = clientOf(batch, { credentials: { ...testCredentials, accessKeyId: "AKIAOTHER" } });
  await assert.rejects(unknown.send(ask), { name: "UnrecognizedClientException" });
  const late = clientOf(batch, { systemClockOffset: -20 * 60 * 1000 });
  await assert.rejects(late.send(ask), { name: "InvalidSignatureException" });
  const anonymous = await fetch(`${batch.server.endpoint}/v1/describejobs`, { method: "POST", body: "{}" });
  assert.equal(anonymous.status, 403);
  assert.equal(anonymous.headers.get("x-amzn-errortype"), "MissingAuthenticationTokenException");
});

describe("a submission is refused", () => {
  const refusals: readonly (readonly [string, Partial<SubmitJobRequest>, RegExp])[] = [
    ["with a name that is none", { jobName: "a.b" }, /Job name should match valid pattern/],
    ["to a queue that there is not", { jobQueue: "other" }, /JobQueue other does not exist/],
    ["of a definition that there is not", { jobDefinition: "other:7" }, /JobDefinition other:7 does not exist/],
    ["of a definition for the other platform", { jobDefinition: "ec2" }, /for EC2, but .* are FARGATE/],
    ["as an array of one", { arrayProperties: { size: 1 } }, /Array size should be between 2 and 10000/],
    ["as an array of more than 10,000", { arrayProperties: { size: 10_001 } }, /Array size should be between 2 and 10000/],
    ["with no attempt", { retryStrategy: { attempts: 0 } }, /attempts must be between 1 and 10/],
    ["with more than 10 attempts", { retryStrategy: { attempts: 11 } }, /attempts must be between 1 and 10/],
    [
      "with more than 5 rules",
      { retryStrategy: { attempts: 2, evaluateOnExit: Array.from({ length: 6 }, () => ({ onExitCode: "1", action: "RETRY" as const })) } },
      /at most 5 entries/,
    ],
    [
      "with a star in the middle",
      { retryStrategy: { attempts: 2, evaluateOnExit: [{ onStatusReason: "Host*EC2", action: "RETRY" }] } },
      /may have \* only at its end/,
    ],
    ["with less than a minute", { timeout: { attemptDurationSeconds: 59 } }, /at least 60/],
    ["with more than 14 days on Fargate", { timeout: { attemptDurationSeconds: 14 * 24 * 3600 + 1 } }, /at most 14 days/],
    [
      "with variables of Batch's own",
      { containerOverrides: { environment: [{ name: "AWS_BATCH_JOB_ID", value: "1" }] } },
      /cannot start with AWS_BATCH/,
    ],
    ["with an empty word in its command", { containerOverrides: { command: ["node", ""] } }, /can not contain empty values/],
    [
      "of a size that Fargate lacks",
      { containerOverrides: { resourceRequirements: [{ type: "VCPU", value: "3" }] } },
      /Fargate resource requirements \(3 vCPU\) not valid/,
    ],
    [
      "with memory that doesn't go with the vCPUs",
      { containerOverrides: { resourceRequirements: [{ type: "MEMORY", value: "500" }] } },
      /\(0.25 vCPU, 500 MiB\) not valid/,
    ],
    [
      "with accelerators on Fargate",
      { containerOverrides: { resourceRequirements: [{ type: "GPU", value: "1" }] } },
      /GPU is not supported on Fargate/,
    ],
    ["with more than 20 dependencies", { dependsOn: Array.from({ length: 21 }, () => ({ jobId: "x" })) }, /maximum of 20 jobs/],
    ["with a dependency that there is not", { dependsOn: [{ jobId: "x" }] }, /x that is depended upon does not exist/],
    ["in sequence without an array", { dependsOn: [{ type: "SEQUENTIAL" }] }, /SEQUENTIAL is for an array job/],
    ["with a share that the queue doesn't know", { shareIdentifier: "a" }, /scheduling policy/],
    ["of more than 30 KiB", { parameters: { long: "x".repeat(30 * 1024) } }, /larger than 30720 bytes/],
    ["with a member that is ignored here", { nodeOverrides: { numNodes: 2 } }, /nodeOverrides is not known/],
  ];
  for (const [what, more, message] of refusals) {
    test(what, async () => {
      await using batch = await BatchFixture.start(quick);
      await assert.rejects(batch.client.send(new SubmitJobCommand({ ...submission, ...more })), (error: Error) => {
        assert.ok(error instanceof ClientException);
        assert.match(error.message, /^Error executing request, Exception : .*, RequestId: /);
        assert.match(error.message, message);
        return true;
      });
      assert.deepEqual(batch.server.jobs(), []);
    });
  }

  test("of a definition that was taken back, and to a queue that is closed", async () => {
    await using batch = await BatchFixture.start(quick);
    await batch.client.send(new DeregisterJobDefinitionCommand({ jobDefinition: "fargate:1" }));
    await assert.rejects(batch.client.send(new SubmitJobCommand({ ...submission, jobDefinition: "fargate:1" })), /not in ACTIVE status/);
    await assert.rejects(batch.client.send(new SubmitJobCommand(submission)), /does not exist/);
    await batch.client.send(new UpdateJobQueueCommand({ jobQueue: "ec2", state: "DISABLED" }));
    await assert.rejects(batch.client.send(new SubmitJobCommand({ ...submission, jobQueue: "ec2", jobDefinition: "ec2" })), /DISABLED/);
  });
});

describe("a definition", () => {
  const good: RegisterJobDefinitionRequest = {
    jobDefinitionName: "d",
    type: "container",
    platformCapabilities: ["FARGATE"],
    containerProperties: fargateContainer,
  };
  const with_ = (more: object): RegisterJobDefinitionRequest => ({ ...good, containerProperties: { ...fargateContainer, ...more } });
  const refusals: readonly (readonly [string, RegisterJobDefinitionRequest, RegExp])[] = [
    ["without a role to start it", with_({ executionRoleArn: undefined }), /executionRoleArn must be provided/],
    ["with a role that is only a name", with_({ jobRoleArn: "job" }), /jobRoleArn is not the ARN of a role/],
    ["with shared memory on Fargate", with_({ linuxParameters: { sharedMemorySize: 64 } }), /sharedMemorySize is not applicable/],
    ["with a disk that is too small", with_({ ephemeralStorage: { sizeInGiB: 20 } }), /between 21 and 200/],
    ["without an image", with_({ image: "" }), /image must be provided/],
    ["of more than 24 KiB", with_({ command: ["x".repeat(24 * 1024)] }), /larger than 24576 bytes/],
    [
      "with part of a processor on EC2",
      { ...good, platformCapabilities: ["EC2"], containerProperties: { ...fargateContainer } },
      /VCPU must be a positive integer/,
    ],
  ];
  for (const [what, request, message] of refusals) {
    test(`is refused ${what}`, async () => {
      await using batch = await BatchFixture.start(quick);
      await assert.rejects(batch.client.send(new RegisterJobDefinitionCommand(request)), message);
    });
  }

  test("has revisions, of which a name means the latest that is active", async () => {
    await using batch = await BatchFixture.start(quick);
    const register = () => batch.client.send(new RegisterJobDefinitionCommand({ ...good, tags: { owner: "me" } }));
    const first = await register();
    const second = await register();
    assert.equal(first.revision, 1);
    assert.equal(second.revision, 2);
    await batch.client.send(new DeregisterJobDefinitionCommand({ jobDefinition: second.jobDefinitionArn ?? "" }));
    const active = await batch.client.send(new DescribeJobDefinitionsCommand({ jobDefinitionName: "d", status: "ACTIVE" }));
    assert.deepEqual(
      active.jobDefinitions?.map(({ revision }) => revision),
      [1],
    );
    const { jobId = "" } = await batch.client.send(new SubmitJobCommand({ ...submission, jobDefinition: "d" }));
    assert.equal((await batch.server.whenStatus(jobId)).jobDefinition, first.jobDefinitionArn);
    const { tags } = await batch.client.send(new ListTagsForResourceCommand({ resourceArn: first.jobDefinitionArn ?? "" }));
    assert.deepEqual(tags, { owner: "me" });
  });

  test("may have parameters in its command", async () => {
    await using batch = await BatchFixture.start(quick);
    const command = ["node", "-e", "console.log(process.argv[1])", "Ref::what"];
    await batch.client.send(new RegisterJobDefinitionCommand({ ...with_({ command }), parameters: { what: "nothing" } }));
    const { jobId = "" } = await batch.client.send(
      new SubmitJobCommand({ ...submission, jobDefinition: "d", parameters: { what: "tea" } }),
    );
    await batch.server.whenStatus(jobId);
    assert.equal(batch.server.logOf(jobId), "tea\n");
  });
});

test("queues refuse environments of both kinds, and environments what doesn't go with Fargate", async () => {
  await using batch = await BatchFixture.start(quick);
  const order = (...names: string[]) => names.map((computeEnvironment, i) => ({ order: i, computeEnvironment }));
  const create = (names: readonly string[], more: object = {}) =>
    batch.client.send(new CreateJobQueueCommand({ jobQueueName: "q", priority: 1, computeEnvironmentOrder: order(...names), ...more }));
  await assert.rejects(create(["fargate", "ec2"]), /can not mix Fargate and EC2/);
  await assert.rejects(create(["fargate", "fargate", "fargate", "fargate"]), /1 to 3 entries/);
  const limit = { state: "RUNNABLE", action: "CANCEL", reason: "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY" };
  await assert.rejects(create(["fargate"], { jobStateTimeLimitActions: [{ ...limit, maxTimeSeconds: 599 }] }), /between 600 and 86400/);
  await assert.rejects(
    create(["fargate"], { jobStateTimeLimitActions: [{ ...limit, reason: "OTHER", maxTimeSeconds: 600 }] }),
    /reason OTHER/,
  );
  const environment = (more: object) =>
    new CreateComputeEnvironmentCommand({
      computeEnvironmentName: "e",
      type: "MANAGED",
      computeResources: { type: "FARGATE", maxvCpus: 4, subnets: ["subnet-1"], securityGroupIds: ["sg-1"], ...more },
    });
  await assert.rejects(batch.client.send(environment({ minvCpus: 0 })), /minvCpus is not applicable for Fargate/);
  await batch.client.send(environment({}));
  await create(["e"]);
  const { computeEnvironments = [] } = await batch.client.send(new DescribeComputeEnvironmentsCommand({ computeEnvironments: ["e"] }));
  assert.equal(computeEnvironments[0]?.status, "VALID");
});

describe("questions", { concurrency: true }, () => {
  test("may be about a hundred jobs at most", async () => {
    await using batch = await BatchFixture.start(quick);
    const jobs = Array.from({ length: 101 }, (_, i) => String(i));
    await assert.rejects(batch.client.send(new DescribeJobsCommand({ jobs })), /Maximum number of jobs supported is 100/);
    assert.deepEqual((await batch.client.send(new DescribeJobsCommand({ jobs: jobs.slice(1) }))).jobs, []);
  });

  test("find jobs by name in every status, the newest first, and by status without a name", async () => {
    await using batch = await BatchFixture.start(quick);
    const ids: string[] = [];
    for (const jobName of ["Launch-1", "launch-2", "other"]) ids.push(await batch.submit("0", { jobName }));
    for (const id of ids) await batch.server.whenStatus(id);
    const list = async (more: object) =>
      (await batch.client.send(new ListJobsCommand({ jobQueue: "fargate", ...more }))).jobSummaryList?.map(({ jobId }) => jobId);
    assert.deepEqual(await list({ filters: [{ name: "JOB_NAME", values: ["launch-*"] }] }), [ids[1], ids[0]]);
    assert.deepEqual(await list({ filters: [{ name: "JOB_NAME", values: ["OTHER"] }] }), [ids[2]]);
    assert.deepEqual(await list({ jobStatus: "SUCCEEDED" }), ids);
    assert.deepEqual(await list({}), [], "only those that run");
    await assert.rejects(list({ jobStatus: "SUCCEEDED", maxResults: 1001 }), /between 1 and 1000/);
    await assert.rejects(list({ filters: [{ name: "JOB_NAME", values: ["a", "b"] }] }), /one value/);
    await assert.rejects(batch.client.send(new ListJobsCommand({})), /exactly one of/);
  });

  test("do not show a job at first", async () => {
    await using batch = await BatchFixture.start({ ...quick, describeLagMs: 3_000_000 });
    const jobId = await batch.submit("0");
    const seen = async () => (await batch.client.send(new DescribeJobsCommand({ jobs: [jobId] }))).jobs?.length;
    assert.equal(await seen(), 0);
    const named = new ListJobsCommand({ jobQueue: "fargate", filters: [{ name: "JOB_NAME", values: ["job"] }] });
    assert.deepEqual((await batch.client.send(named)).jobSummaryList, []);
    while ((await seen()) === 0) await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal((await batch.client.send(named)).jobSummaryList?.length, 1);
  });

  test("may be answered with how a job was", async () => {
    await using batch = await BatchFixture.start({ ...quick, staleMs: 3_000_000 });
    const jobId = await batch.submit("0");
    await batch.server.whenStatus(jobId);
    const seen = async () => (await batch.client.send(new DescribeJobsCommand({ jobs: [jobId] }))).jobs?.[0]?.status;
    assert.notEqual(await seen(), "SUCCEEDED");
    while ((await seen()) !== "SUCCEEDED") await new Promise((resolve) => setTimeout(resolve, 100));
  });

  test("about what to end need a reason, and a job that there is", async () => {
    await using batch = await BatchFixture.start(quick);
    await assert.rejects(batch.client.send(new TerminateJobCommand({ jobId: "x", reason: "" })), /reason must be provided/);
    await assert.rejects(batch.client.send(new TerminateJobCommand({ jobId: "x", reason: "r".repeat(1025) })), /at most 1024/);
    await assert.rejects(batch.client.send(new TerminateJobCommand({ jobId: "x", reason: "r" })), /does not exist/);
  });
});

describe("calls", () => {
  test("are let through fifty a second", () => {
    let nowMs = 0;
    const throttle = new Throttle(50, 50, () => nowMs);
    const taken = (calls: number): number => Array.from({ length: calls }, () => throttle.take()).filter(Boolean).length;
    assert.equal(taken(200), 50);
    nowMs += 20;
    assert.equal(taken(200), 1);
    nowMs += 60_000;
    assert.equal(taken(200), 50);
  });

  test("are refused beyond that, submissions apart from others, and trying again helps", async () => {
    await using batch = await BatchFixture.start({ ...quick, callsPerSecond: 5 });
    const call = async (): Promise<number> =>
      batch.client.send(ask).then(
        () => 200,
        (error: BatchServiceException) => {
          assert.equal(error.name, "TooManyRequestsException");
          return error.$metadata.httpStatusCode ?? 0;
        },
      );
    const statuses = await Promise.all(Array.from({ length: 60 }, call));
    assert.deepEqual(new Set(statuses), new Set([200, 429]));
    await batch.submit("0");
    assert.equal((await clientOf(batch, { maxAttempts: 8 }).send(ask)).$metadata.httpStatusCode, 200);
  });

  test("that are refused as too many are tried again by the SDK", async () => {
    await using batch = await BatchFixture.start(quick);
    batch.server.faults.add({ fault: { kind: "error", status: 429, code: "TooManyRequestsException" }, matches: "^SubmitJob ", times: 2 });
    const { $metadata } = await clientOf(batch, { maxAttempts: 3 }).send(new SubmitJobCommand(submission));
    assert.equal($metadata.attempts, 3);
    assert.equal(batch.server.jobs().length, 1);
    assert.equal(batch.server.operations.filter((name) => name === "SubmitJob").length, 3);
  });

  test("that were accepted while the answer was lost make a second job, as the SDK tries again", async () => {
    await using batch = await BatchFixture.start(quick);
    batch.server.faults.add({ fault: { kind: "dropAfter" }, matches: "^SubmitJob ", times: 1 });
    await clientOf(batch, { maxAttempts: 3 }).send(new SubmitJobCommand({ ...submission, tags: { launch: "l1" } }));
    const jobs = batch.server.jobs();
    assert.equal(jobs.length, 2);
    assert.deepEqual(new Set(jobs.map(({ tags }) => tags?.["launch"])), new Set(["l1"]));
  });

  test("fail in the ways that were asked for, and only so often", async () => {
    await using batch = await BatchFixture.start(quick);
    const { faults } = batch.server;
    faults.add({ fault: { kind: "errorAfter", status: 500, code: "ServerException" }, matches: "^SubmitJob ", times: 1 });
    await assert.rejects(batch.client.send(new SubmitJobCommand(submission)), (error: Error) => error instanceof ServerException);
    assert.equal(batch.server.jobs().length, 1, "and yet it was accepted");
    faults.add({ fault: { kind: "error", status: 503, code: "Service Unavailable", isPage: true }, times: 1 });
    const page = await batch.client.send(ask).catch((error: unknown) => error);
    assert.equal((page as BatchServiceException).$metadata.httpStatusCode, 503);
    faults.add({ fault: { kind: "reset" }, times: 1 });
    await assert.rejects(batch.client.send(ask), { code: "ECONNRESET" });
    faults.add({ fault: { kind: "hang" }, times: 1 });
    await assert.rejects(batch.client.send(ask, { abortSignal: AbortSignal.timeout(200) }));
    faults.add({ fault: { kind: "latency", ms: 100 }, times: 1 });
    const from = performance.now();
    await batch.client.send(ask);
    assert.ok(performance.now() - from >= 99);
    await batch.client.send(ask);
    assert.deepEqual(Object.fromEntries(faults.hits), { errorAfter: 1, error: 1, reset: 1, hang: 1, latency: 1 });
  });

  test("that nobody knows are refused", async () => {
    await using batch = await BatchFixture.start(quick);
    const unsigned = await fetch(`${batch.server.endpoint}/v1/other`, { method: "POST", body: "{}" });
    assert.equal(unsigned.status, 403);
    await assert.rejects(
      batch.client.send(new RegisterJobDefinitionCommand({ jobDefinitionName: "m", type: "multinode" })),
      /not known to this server/,
    );
  });
});
