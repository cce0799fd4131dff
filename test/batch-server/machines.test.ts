// Machines of the Batch test server come, are shared, are taken away, and are sometimes not to be had.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  BatchClient,
  DescribeComputeEnvironmentsCommand,
  DescribeJobQueuesCommand,
  DescribeJobsCommand,
  RegisterJobDefinitionCommand,
  UpdateComputeEnvironmentCommand,
  UpdateJobQueueCommand,
} from "@aws-sdk/client-batch";
import { Identities } from "../aws/identities.ts";
import { S3Server } from "../s3-server/server.ts";
import { BatchFixture, fargateContainer, role, sleeps } from "./fixture.ts";
import { BatchProcess } from "./process.ts";

const onEc2 = { jobQueue: "ec2", jobDefinition: "ec2" };
const requirements = (vcpus: string, memory: string) => ({
  resourceRequirements: [
    { type: "VCPU" as const, value: vcpus },
    { type: "MEMORY" as const, value: memory },
  ],
});

/** Prints what the machine says of the spot notice as soon as it says something, and ends. */
const asksMachine = `
  const base = process.env.AWS_EC2_METADATA_SERVICE_ENDPOINT;
  const ask = async () => {
    const first = await fetch(base + "/latest/meta-data/instance-id");
    if (first.status !== 401) throw new Error("without a token: " + first.status);
    const token = await (await fetch(base + "/latest/api/token", { method: "PUT", headers: { "x-aws-ec2-metadata-token-ttl-seconds": "60" } })).text();
    const headers = { "x-aws-ec2-metadata-token": token };
    console.log(await (await fetch(base + "/latest/meta-data/instance-id", { headers })).text());
    for (;;) {
      const answer = await fetch(base + "/latest/meta-data/spot/instance-action", { headers });
      if (answer.status === 200) return console.log(await answer.text());
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  void ask();
`;

async function whenLogged({ server }: BatchFixture, jobId: string, text: string | RegExp): Promise<void> {
  const isThere = (log: string): boolean => (typeof text === "string" ? log.includes(text) : text.test(log));
  while (!isThere(server.logOf(jobId))) await new Promise((resolve) => setTimeout(resolve, 10));
}

describe("spot machines of EC2", () => {
  test("tell those who ask two minutes before they go, and take their jobs along", async () => {
    await using batch = await BatchFixture.start({ timeScale: 100 });
    const asks = await batch.submit(asksMachine, onEc2);
    const sleepsOn = await batch.submit(sleeps, {
      ...onEc2,
      retryStrategy: {
        attempts: 2,
        evaluateOnExit: [
          { onStatusReason: "Host EC2*", action: "RETRY" },
          { onReason: "*", action: "EXIT" },
        ],
      },
    });
    await batch.server.whenStatus(sleepsOn, "RUNNING");
    await batch.server.whenStatus(asks, "RUNNING");
    await whenLogged(batch, asks, "i-");
    const [host] = batch.server.spotKill(1);
    const asked = await batch.server.whenStatus(asks);
    assert.equal(asked.status, "SUCCEEDED");
    const [instance, notice = ""] = batch.server.logOf(asks).trim().split("\n");
    assert.equal(instance, host);
    assert.equal((JSON.parse(notice) as { readonly action: string }).action, "terminate");
    // The second attempt is on another machine.
    await batch.server.whenStatus(sleepsOn, "RUNNABLE", "STARTING");
    const again = await batch.server.whenStatus(sleepsOn, "RUNNING");
    const [attempt] = again.attempts ?? [];
    assert.equal(attempt?.statusReason, `Host EC2 (instance ${host}) terminated.`);
    assert.equal(attempt.container?.exitCode, undefined);
    assert.match(attempt.container?.containerInstanceArn ?? "", new RegExp(`${host}$`));
  });

  test("are shared by jobs that fit together, and not by others", async () => {
    await using batch = await BatchFixture.start({ timeScale: 1000 });
    const small = requirements("1", "1024");
    const ids: string[] = [];
    for (const needs of [small, small, requirements("8", "1024")])
      ids.push(await batch.submit(sleeps, { ...onEc2, containerOverrides: needs }));
    const arns = [];
    for (const id of ids) arns.push((await batch.server.whenStatus(id, "RUNNING")).container?.containerInstanceArn);
    assert.equal(arns[0], arns[1]);
    assert.notEqual(arns[0], arns[2]);
    assert.equal(batch.server.loseHosts(1).length, 1);
    assert.match((await batch.server.whenStatus(ids[0] ?? "")).statusReason ?? "", /^Host EC2 /);
    assert.match((await batch.server.whenStatus(ids[1] ?? "")).statusReason ?? "", /^Host EC2 /);
    assert.equal(batch.server.jobs().find(({ jobId }) => jobId === ids[2])?.status, "RUNNING");
  });

  test("that vanish unnoticed leave jobs that seem to run for a while", async () => {
    await using batch = await BatchFixture.start({ timeScale: 1000 });
    const jobId = await batch.submit(sleeps, onEc2);
    await batch.server.whenStatus(jobId, "RUNNING");
    batch.server.loseJob(jobId, 300_000);
    const { jobs = [] } = await batch.client.send(new DescribeJobsCommand({ jobs: [jobId] }));
    assert.equal(jobs[0]?.status, "RUNNING");
    assert.match((await batch.server.whenStatus(jobId)).statusReason ?? "", /^Host EC2 \(instance i-0/);
  });
});

test("a spot task of Fargate is asked to end at once, and what interrupted it is no host", async () => {
  await using batch = await BatchFixture.start({ timeScale: 100 });
  const polite = `process.on("SIGTERM", () => { console.log("asked"); process.exit(0); }); console.log("up"); ${sleeps}`;
  const jobId = await batch.submit(polite, {
    retryStrategy: {
      attempts: 2,
      evaluateOnExit: [
        { onStatusReason: "Host EC2*", action: "RETRY" },
        { onReason: "*", action: "EXIT" },
      ],
    },
  });
  await batch.server.whenStatus(jobId, "RUNNING");
  await whenLogged(batch, jobId, "up");
  const onDemand = await batch.submit(polite, { jobQueue: "fargate-on-demand" });
  await batch.server.whenStatus(onDemand, "RUNNING");
  assert.equal(batch.server.spotKill(5).length, 1);
  const job = await batch.server.whenStatus(jobId);
  assert.equal(job.status, "FAILED");
  assert.equal(job.statusReason, "Your Spot Task was interrupted.");
  assert.equal(job.attempts?.length, 1);
  assert.equal(batch.server.logOf(jobId), "up\nasked\n");
  assert.equal(batch.server.jobs().find((other) => other.jobId === onDemand)?.status, "RUNNING");
});

test("a job that has more memory than its container ends with 137 and the reason", async () => {
  await using batch = await BatchFixture.start({ timeScale: 1000 });
  const jobId = await batch.submit(sleeps);
  await batch.server.whenStatus(jobId, "RUNNING");
  batch.server.outOfMemory(jobId);
  const job = await batch.server.whenStatus(jobId);
  assert.equal(job.container?.exitCode, 137);
  assert.equal(job.container.reason, "OutOfMemoryError: Container killed due to memory usage");
  assert.equal(job.statusReason, "Essential container in task exited");
});

describe("jobs that wait for a machine", () => {
  test("go when there is room, the older first", async () => {
    await using batch = await BatchFixture.start({ timeScale: 1000 });
    await batch.client.send(new UpdateComputeEnvironmentCommand({ computeEnvironment: "fargate", computeResources: { maxvCpus: 1 } }));
    const needs = { jobQueue: "fargate-on-demand", containerOverrides: requirements("1", "2048") };
    const running = await batch.submit(sleeps, needs);
    await batch.server.whenStatus(running, "RUNNING");
    const ids: string[] = [];
    for (let count = 0; count < 3; count += 1) ids.push(await batch.submit("0", needs));
    for (const id of ids) assert.equal((await batch.server.whenStatus(id, "RUNNABLE")).statusReason, undefined);
    batch.server.outOfMemory(running);
    const started = [];
    for (const id of ids) started.push((await batch.server.whenStatus(id)).startedAt ?? Number.NaN);
    assert.deepEqual(
      started,
      started.toSorted((a, b) => a - b),
    );
  });

  test("are told why, if no waiting helps, and are given up after the queue's limit", async () => {
    await using batch = await BatchFixture.start({ timeScale: 10_000 });
    const tooLarge = await batch.submit("0", { ...onEc2, containerOverrides: requirements("2", "900000") });
    const stuck = async (jobId: string): Promise<string> => {
      await batch.server.whenStatus(jobId, "RUNNABLE");
      for (;;) {
        const { jobs = [] } = await batch.client.send(new DescribeJobsCommand({ jobs: [jobId] }));
        assert.equal(jobs[0]?.status, "RUNNABLE");
        if (jobs[0].statusReason !== undefined) return jobs[0].statusReason;
        await new Promise((resolve) => setTimeout(resolve, 30));
      }
    };
    assert.match(await stuck(tooLarge), /^MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - /);
    await batch.client.send(new UpdateComputeEnvironmentCommand({ computeEnvironment: "fargate", computeResources: { maxvCpus: 1 } }));
    const beyondMax = await batch.submit("0", { jobQueue: "fargate-on-demand", containerOverrides: requirements("2", "4096") });
    assert.match(await stuck(beyondMax), /^MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE - /);
    await batch.client.send(new UpdateComputeEnvironmentCommand({ computeEnvironment: "ec2-spot", state: "DISABLED" }));
    batch.server.invalidate("ec2", "CLIENT_ERROR - not authorized");
    const { computeEnvironments = [] } = await batch.client.send(new DescribeComputeEnvironmentsCommand({ computeEnvironments: ["ec2"] }));
    assert.equal(computeEnvironments[0]?.status, "INVALID");
    const unauthorized = await batch.submit("0", { jobQueue: "ec2-on-demand", jobDefinition: "ec2" });
    assert.match(await stuck(unauthorized), /^MISCONFIGURATION:SERVICE_ROLE_PERMISSIONS - /);
    batch.server.setExhausted("fargate", true);
    batch.server.setExhausted("fargate-spot", true);
    const exhausted = await batch.submit("0");
    assert.match(await stuck(exhausted), /^CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - /);
    const limit = { reason: "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY", state: "RUNNABLE", maxTimeSeconds: 600, action: "CANCEL" } as const;
    await batch.client.send(new UpdateJobQueueCommand({ jobQueue: "fargate", jobStateTimeLimitActions: [limit] }));
    const { jobQueues = [] } = await batch.client.send(new DescribeJobQueuesCommand({ jobQueues: ["fargate"] }));
    assert.deepEqual(jobQueues[0]?.jobStateTimeLimitActions, [limit]);
    const second = await batch.submit("0");
    assert.equal(
      (await batch.server.whenStatus(exhausted)).statusReason,
      `Canceled by JobStateTimeLimit action due to reason: ${limit.reason}`,
    );
    assert.equal((await batch.server.whenStatus(second)).status, "FAILED", "the next is the first of the queue then");
    const third = await batch.submit("0");
    batch.server.setExhausted("fargate", false);
    assert.equal((await batch.server.whenStatus(third)).status, "SUCCEEDED");
  });

  test("fail, and may be tried again, when their image or a secret cannot be had", async () => {
    await using batch = await BatchFixture.start({ timeScale: 1000, secrets: { "arn:aws:secretsmanager:here:token": "s3cret" } });
    const define = async (name: string, more: object): Promise<void> => {
      await batch.client.send(
        new RegisterJobDefinitionCommand({
          jobDefinitionName: name,
          type: "container",
          platformCapabilities: ["FARGATE"],
          containerProperties: { ...fargateContainer, ...more },
        }),
      );
    };
    await define("missing", { image: "registry.example/no-such-image:1" });
    await define("slow", { image: "slow-image" });
    await define("secret", { secrets: [{ name: "TOKEN", valueFrom: "arn:aws:secretsmanager:here:token" }] });
    await define("no-secret", { secrets: [{ name: "TOKEN", valueFrom: "arn:aws:secretsmanager:here:other" }] });
    const retryStrategy = {
      attempts: 2,
      evaluateOnExit: [
        { onReason: "CannotPull*", action: "RETRY" as const },
        { onReason: "*", action: "EXIT" as const },
      ],
    };
    const ended = async (jobDefinition: string) =>
      batch.server.whenStatus(await batch.submit("console.log(process.env.TOKEN)", { jobDefinition, retryStrategy }));
    const missing = await ended("missing");
    assert.equal(missing.statusReason, "Task failed to start");
    assert.match(missing.container?.reason ?? "", /^CannotPullContainerError: /);
    assert.equal(missing.attempts?.length, 2);
    assert.match((await ended("slow")).container?.reason ?? "", /^DockerTimeoutError: /);
    assert.match((await ended("no-secret")).container?.reason ?? "", /^ResourceInitializationError: /);
    const good = await ended("secret");
    assert.equal(batch.server.logOf(good.jobId ?? ""), "s3cret\n");
  });

  test("fail when what was overridden is more than ECS takes", async () => {
    await using batch = await BatchFixture.start({ timeScale: 1000 });
    const long = (length: number) =>
      batch.submit("0", { containerOverrides: { environment: [{ name: "LONG", value: "x".repeat(length) }] } });
    assert.equal((await batch.server.whenStatus(await long(7900))).status, "SUCCEEDED");
    const job = await batch.server.whenStatus(await long(8200));
    assert.equal(job.statusReason, "Container Overrides length must be at most 8192");
  });
});

describe("a job's role", () => {
  const platformCapabilities = ["FARGATE" as const];
  const containerProperties = { ...fargateContainer, jobRoleArn: role("job") };
  const definition = { jobDefinitionName: "role", type: "container" as const, platformCapabilities, containerProperties };

  test("has credentials that end, which only the job can get", async () => {
    await using batch = await BatchFixture.start({ timeScale: 1, credentialMs: 2000 });
    await batch.client.send(new RegisterJobDefinitionCommand(definition));
    const jobId = await batch.submit(`console.log(JSON.stringify(process.env)); ${sleeps}`, { jobDefinition: "role" });
    await batch.server.whenStatus(jobId, "RUNNING");
    await whenLogged(batch, jobId, "\n");
    const variables = JSON.parse(batch.server.logOf(jobId)) as Record<string, string>;
    const address = variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"] ?? "";
    const authorization = variables["AWS_CONTAINER_AUTHORIZATION_TOKEN"] ?? "";
    assert.equal((await fetch(address)).status, 401);
    const given = (await (await fetch(address, { headers: { authorization } })).json()) as Readonly<Record<string, string>>;
    assert.equal(given["RoleArn"], role("job"));
    const { AccessKeyId: accessKeyId = "", SecretAccessKey: secretAccessKey = "", Token: sessionToken = "", Expiration = "" } = given;
    const credentials = { accessKeyId, secretAccessKey, sessionToken };
    const as = (those: typeof credentials) =>
      new BatchClient({ endpoint: batch.server.endpoint, region: "eu-west-1", credentials: those, maxAttempts: 1 });
    const ask = new DescribeJobsCommand({ jobs: [jobId] });
    assert.equal((await as(credentials).send(ask)).jobs?.length, 1);
    await assert.rejects(as({ ...credentials, sessionToken: "other" }).send(ask), { name: "UnrecognizedClientException" });
    await new Promise((resolve) => setTimeout(resolve, Date.parse(Expiration) - Date.now() + 100));
    await assert.rejects(as(credentials).send(ask), { name: "ExpiredTokenException" });
  });

  test("counts where the SDK of the job asks, here and at other services, also after its credentials have ended", async () => {
    const identities = new Identities();
    await using bucket = await S3Server.start({ identities, bucket: "b" });
    await using batch = await BatchFixture.start({ timeScale: 1, credentialMs: 300, identities });
    await batch.client.send(new RegisterJobDefinitionCommand(definition));
    const sdk = (name: string): string => JSON.stringify(import.meta.resolve(`@aws-sdk/${name}`));
    const script = `(async () => {
      const { BatchClient, DescribeJobsCommand } = await import(${sdk("client-batch")});
      const { S3Client, PutObjectCommand } = await import(${sdk("client-s3")});
      const [batch, s3] = [new BatchClient({}), new S3Client({ forcePathStyle: true })];
      for (const Key of ["1", "2"]) {
        const { jobs } = await batch.send(new DescribeJobsCommand({ jobs: [process.env.AWS_BATCH_JOB_ID] }));
        await s3.send(new PutObjectCommand({ Bucket: "b", Key, Body: jobs[0].status }));
        await new Promise((resolve) => setTimeout(resolve, 400));
      }
    })()`;
    const environment = Object.entries({
      AWS_ENDPOINT_URL_BATCH: batch.server.endpoint,
      AWS_ENDPOINT_URL_S3: bucket.url,
      AWS_REGION: "eu-west-1",
    }).map(([name, value]) => ({ name, value }));
    const jobId = await batch.submit(script, { jobDefinition: "role", containerOverrides: { environment } });
    assert.equal((await batch.server.whenStatus(jobId)).status, "SUCCEEDED", batch.server.logOf(jobId));
    assert.deepEqual(bucket.writes, ["1", "2"]);
  });
});

test("the server runs alone, too, and its jobs end with it", async () => {
  const server = await BatchProcess.start({ timeScale: 1000 });
  const client = new BatchClient({
    endpoint: server.endpoint,
    region: "eu-west-1",
    credentials: { accessKeyId: "AKIATEST", secretAccessKey: "testsecret" },
    maxAttempts: 1,
  });
  await server.add({ fault: { kind: "error", status: 500, code: "ServerException" }, matches: "^DescribeJobQueues", times: 1 });
  await assert.rejects(client.send(new DescribeJobQueuesCommand({})), { name: "ServerException" });
  assert.equal((await client.send(new DescribeJobQueuesCommand({}))).jobQueues?.length, 4);
  const { calls, hits } = await server.counts();
  assert.deepEqual({ calls, hits }, { calls: { DescribeJobQueues: 2 }, hits: { error: 1 } });
  await server.close();
});
