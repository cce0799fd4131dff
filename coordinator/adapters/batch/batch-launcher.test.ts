// Workers in Batch, launched with the real SDK at a server that refuses what Batch refuses: what is submitted, found, described
// and ended, and what answers that never came mean.

import assert from "node:assert/strict";
import { test } from "node:test";
import * as sdk from "@aws-sdk/client-batch";
import type { BatchPlacement } from "../../../proto/graph.ts";
import { parseLaunchId } from "../../../proto/launch.ts";
import { shapeOf, type Shape } from "../../../proto/shape.ts";
import { testCredentials } from "../../../test/aws/signature.ts";
import { account } from "../../../test/batch-server/names.ts";
import { BatchServer, type BatchServerOptions } from "../../../test/batch-server/server.ts";
import { LauncherError, type JobReport, type LaunchAnswer, type LaunchRequest } from "../../ports/launcher.ts";
import { BatchLauncher, openBatchLauncher } from "./batch-launcher.ts";
import type { BatchSettings } from "./batch-settings.ts";

const sleeps = "setInterval(() => {}, 1000)";
const none = { fargate: null, fargateOnDemand: null, ec2: null, ec2OnDemand: null, gpu: null, gpuOnDemand: null };
const queues = { ...none, fargate: "fargate", fargateOnDemand: "fargate-on-demand", ec2: "ec2", ec2OnDemand: "ec2-on-demand" };
const first = parseLaunchId("launch0001");
const second = parseLaunchId("launch0002");

function settingsWith(script: string, more: Partial<BatchSettings> = {}): BatchSettings {
  const roles = { jobRole: null, executionRole: `arn:aws:iam::${account}:role/pull` };
  return { queues, image: "worker:1", ...roles, publicIp: true, logGroup: null, command: ["node", "-e", script], ...more };
}

function shapeWith(placement: Partial<BatchPlacement> = {}, capacity: Shape["capacity"] = "spot"): Shape {
  const whole = { cpu: 0.25, memoryMiB: 300, gpu: 0, queue: null, image: null, options: {}, ...placement };
  return shapeOf(whole, { memoryMiB: whole.memoryMiB, capacity });
}

class Fixture implements AsyncDisposable {
  readonly server: BatchServer;
  readonly #opened: BatchLauncher[] = [];

  private constructor(server: BatchServer) {
    this.server = server;
  }

  static async start(options: BatchServerOptions = {}): Promise<Fixture> {
    return new Fixture(await BatchServer.start({ timeScale: 1000, ...options }));
  }

  launcher(script: string, more: Partial<BatchSettings> = {}, tries = 6): BatchLauncher {
    const credentials = testCredentials;
    const client = new sdk.BatchClient({ endpoint: this.server.endpoint, region: "eu-west-1", credentials, maxAttempts: 1 });
    const wait = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));
    const patience = { firstWaitMs: 1, waitMsMax: 1, tries, wait, random: () => 1 };
    const launcher = new BatchLauncher(sdk, client, { settings: settingsWith(script, more), patience, lagMs: 0 });
    this.#opened.push(launcher);
    return launcher;
  }

  submissions(): number {
    return this.server.operations.filter((operation) => operation === "SubmitJob").length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const launcher of this.#opened) await launcher.close();
    await this.server.close();
  }
}

const request = (more: Partial<LaunchRequest> = {}): LaunchRequest => ({
  launch: first,
  shape: shapeWith(),
  count: 1,
  environment: { STEPWELL_LAUNCH: first },
  ...more,
});

function jobOf(answer: LaunchAnswer): string {
  if (answer.kind !== "launched") assert.fail(`${answer.kind}: ${answer.reason}`);
  return answer.job;
}

async function reportOf(launcher: BatchLauncher, job: string): Promise<JobReport> {
  const [report] = await launcher.describe([job]);
  assert.ok(report !== undefined && report !== null);
  return report;
}

const printsItself = "console.log(JSON.stringify(process.env))";

test("a worker finds its launch and its shape's variables in its environment, and nobody can forge its launch", async () => {
  await using batch = await Fixture.start();
  const launcher = batch.launcher(printsItself);
  const shape = shapeWith({ options: { env: { MODE: "x", STEPWELL_LAUNCH: "forged" }, tags: { team: "a" } } });
  const job = jobOf(await launcher.launch(request({ shape })));
  const detail = await batch.server.whenStatus(job);
  const variables = JSON.parse(batch.server.logOf(job)) as Record<string, string>;
  const ours = ["MODE", "STEPWELL_LAUNCH", "AWS_BATCH_JOB_ID"].map((name) => variables[name]);
  assert.deepEqual(ours, ["x", first, job]);
  assert.deepEqual([detail.jobName, detail.tags?.["stepwell:launch"], detail.tags?.["team"]], [`stepwell-${first}`, first, "a"]);
});

test("several workers are one array job, asked for with one call, and each has its index", async () => {
  await using batch = await Fixture.start();
  const launcher = batch.launcher("console.log(process.env.AWS_BATCH_JOB_ARRAY_INDEX)");
  const job = jobOf(await launcher.launch(request({ count: 20 })));
  await batch.server.whenStatus(job);
  assert.equal(batch.submissions(), 1);
  const seen = Array.from({ length: 20 }, (_, index) => batch.server.logOf(`${job}:${index}`).trim());
  assert.deepEqual(
    seen,
    seen.map((_, index) => String(index)),
  );
  assert.deepEqual((await reportOf(launcher, job)).stages, { waiting: 0, starting: 0, running: 0, succeeded: 20, failed: 0 });
});

test("a definition is registered once for all that need an equal one, by whatever coordinator", async () => {
  await using batch = await Fixture.start();
  const launcher = batch.launcher("0");
  jobOf(await launcher.launch(request()));
  jobOf(await launcher.launch(request({ launch: second })));
  jobOf(await batch.launcher("0").launch(request({ launch: parseLaunchId("launch0003") })));
  const count = (operation: string): number => batch.server.operations.filter((name) => name === operation).length;
  assert.deepEqual([count("RegisterJobDefinition"), count("DescribeJobDefinitions"), count("SubmitJob")], [1, 2, 3]);
  jobOf(await launcher.launch(request({ shape: shapeWith({ image: "worker:2" }) })));
  assert.equal(count("RegisterJobDefinition"), 2);
});

test("a definition that somebody has taken away is registered anew by the next try", async () => {
  await using batch = await Fixture.start();
  const launcher = batch.launcher("0");
  const job = jobOf(await launcher.launch(request()));
  const { jobDefinition = "" } = await batch.server.whenStatus(job);
  const credentials = testCredentials;
  const client = new sdk.BatchClient({ endpoint: batch.server.endpoint, region: "eu-west-1", credentials });
  await client.send(new sdk.DeregisterJobDefinitionCommand({ jobDefinition }));
  client.destroy();
  assert.equal((await launcher.launch(request({ launch: second }))).kind, "unavailable");
  jobOf(await launcher.launch(request({ launch: second })));
});

test("spot and on demand, Fargate and EC2 go to their queues", async () => {
  await using batch = await Fixture.start();
  const launcher = batch.launcher("0");
  const shapes = [shapeWith(), shapeWith({}, "onDemand"), shapeWith({ options: { platform: "ec2" } })];
  shapes.push(shapeWith({ options: { platform: "ec2" } }, "onDemand"), shapeWith({ queue: "fargate-on-demand" }));
  const seen: string[] = [];
  for (const [at, shape] of shapes.entries()) {
    const job = jobOf(await launcher.launch(request({ launch: parseLaunchId(`launch000${at}`), shape })));
    seen.push((await batch.server.whenStatus(job)).jobQueue?.split("/").at(-1) ?? "");
  }
  assert.deepEqual(seen, ["fargate", "fargate-on-demand", "ec2", "ec2-on-demand", "fargate-on-demand"]);
});

test("what no container holds, what has no queue, and what is too much to tell is refused without a call", async () => {
  await using batch = await Fixture.start();
  const launcher = batch.launcher("0", { queues: { ...none, fargate: "fargate" } });
  const reasonOf = async (shape: Shape, environment: Record<string, string> = {}): Promise<string> => {
    const answer = await launcher.launch(request({ shape, environment }));
    assert.equal(answer.kind, "refused");
    return answer.kind === "refused" ? answer.reason : "";
  };
  assert.match(await reasonOf(shapeWith({ cpu: 33, options: { platform: "fargate" } })), /no container of Batch holds cpu 33/);
  assert.match(await reasonOf(shapeWith({ gpu: 1 })), /no Batch queue for machines with GPUs/);
  assert.match(await reasonOf(shapeWith({ options: { env: { A: "x".repeat(25_000) } } })), /takes 25\d\d\d bytes, and it reads 24576/);
  assert.match(await reasonOf(shapeWith(), { A: "x".repeat(9000) }), /and it reads 8192/);
  assert.equal(launcher.sizeOf(shapeWith({ gpu: 1 })), null);
  assert.deepEqual(batch.server.operations, []);
});

test("a size is what the container has for tasks, and costs less on spot", async () => {
  await using batch = await Fixture.start();
  const launcher = batch.launcher("0");
  const size = launcher.sizeOf(shapeWith({ cpu: 3, memoryMiB: 500 }));
  assert.deepEqual(size, { slots: 1, cpu: 4, memoryMiB: 8064, gpu: 0, usdPerHour: size?.usdPerHour });
  const onDemand = launcher.sizeOf(shapeWith({ cpu: 3, memoryMiB: 500 }, "onDemand"))?.usdPerHour ?? 0;
  assert.ok((size?.usdPerHour ?? 0) < onDemand && onDemand < 0.3);
});

test("a submission is tried once, and what its error means is told", async () => {
  await using batch = await Fixture.start();
  const launcher = batch.launcher("0");
  jobOf(await launcher.launch(request()));
  const cases: readonly [fault: Parameters<BatchServer["faults"]["add"]>[0]["fault"], kind: string][] = [
    [{ kind: "error", status: 429, code: "TooManyRequestsException" }, "throttled"],
    [{ kind: "error", status: 503, code: "x", isPage: true }, "ambiguous"],
    [{ kind: "error", status: 500, code: "ServerException" }, "ambiguous"],
    [{ kind: "error", status: 403, code: "AccessDeniedException" }, "refused"],
    [{ kind: "reset" }, "ambiguous"],
    [{ kind: "dropAfter" }, "ambiguous"],
  ];
  for (const [fault, kind] of cases) {
    const before = batch.submissions();
    batch.server.faults.add({ fault, matches: "^SubmitJob", times: 1 });
    assert.equal((await launcher.launch(request({ launch: second }))).kind, kind, JSON.stringify(fault));
    assert.equal(batch.submissions(), before + 1);
  }
});

test("a job whose acceptance was never heard of is found by its name, and so is every further one", async () => {
  await using batch = await Fixture.start();
  const launcher = batch.launcher(sleeps);
  batch.server.faults.add({ fault: { kind: "dropAfter" }, matches: "^SubmitJob", times: 2 });
  assert.equal((await launcher.launch(request())).kind, "ambiguous");
  assert.equal((await launcher.launch(request())).kind, "ambiguous");
  const twins = batch.server.jobs().map(({ jobId = "" }) => jobId);
  const found = await launcher.find([first, second]);
  assert.deepEqual(
    new Set(found.map(({ launch, job, over }) => `${launch} ${job} ${over}`)),
    new Set(twins.map((job) => `${first} ${job} false`)),
  );
  await launcher.end(
    found.map(({ job }) => ({ job, indexes: null })),
    "twins",
  );
  for (const job of twins) await batch.server.whenStatus(job);
  assert.deepEqual(
    (await launcher.find([first])).map(({ over }) => over),
    [true, true],
  );
});

test("a job in a queue that only a step names is found too", async () => {
  await using batch = await Fixture.start();
  const job = jobOf(await batch.launcher(sleeps).launch(request({ shape: shapeWith({ queue: "fargate-on-demand" }) })));
  const another = batch.launcher(sleeps, { queues: { ...none, fargate: "fargate" } });
  assert.deepEqual(await another.find([first]), [{ launch: first, job, over: false }]);
});

test("jobs are described in the order of the question, a hundred with a call, and unknown ones are null", async () => {
  await using batch = await Fixture.start();
  const launcher = batch.launcher("process.exit(3)");
  const job = jobOf(await launcher.launch(request()));
  await batch.server.whenStatus(job);
  const unknown = Array.from({ length: 149 }, (_, index) => `00000000-0000-4000-8000-${String(index).padStart(12, "0")}`);
  const reports = await launcher.describe([...unknown, job]);
  assert.deepEqual(
    reports.slice(0, -1),
    unknown.map(() => null),
  );
  assert.deepEqual(reports.at(-1), {
    job,
    stages: { waiting: 0, starting: 0, running: 0, succeeded: 0, failed: 1 },
    waitsFor: null,
    failures: [{ index: 0, kind: "exit", exitCode: 3, reason: "Essential container in task exited" }],
    link: `https://eu-west-1.console.aws.amazon.com/batch/home?region=eu-west-1#jobs/detail/${job}`,
  });
  assert.equal(batch.server.operations.filter((operation) => operation === "DescribeJobs").length, 2);
});

test("children that failed are told with their indexes, whatever it was", async () => {
  await using batch = await Fixture.start();
  const launcher = batch.launcher(`if (process.env.AWS_BATCH_JOB_ARRAY_INDEX === "2") process.exit(5)`);
  const job = jobOf(await launcher.launch(request({ count: 4 })));
  await batch.server.whenStatus(job);
  const { stages, failures } = await reportOf(launcher, job);
  assert.deepEqual([stages.succeeded, stages.failed], [3, 1]);
  assert.deepEqual(failures, [{ index: 2, kind: "exit", exitCode: 5, reason: "Essential container in task exited" }]);
});

test("an image that cannot be had, memory that ran out and a host that was lost are kinds of their own", async () => {
  await using batch = await Fixture.start();
  const image = batch.launcher(sleeps, { image: "no-such-image:1" });
  const unpulled = jobOf(await image.launch(request()));
  await batch.server.whenStatus(unpulled);
  const launcher = batch.launcher(sleeps);
  const [full, lost] = [jobOf(await launcher.launch(request())), jobOf(await launcher.launch(request()))];
  for (const job of [full, lost]) await batch.server.whenStatus(job, "RUNNING");
  batch.server.outOfMemory(full);
  await batch.server.whenStatus(full);
  batch.server.loseJob(lost, 0);
  await batch.server.whenStatus(lost);
  const kinds = (await launcher.describe([unpulled, full, lost])).map((report) => report?.failures[0]?.kind);
  assert.deepEqual(kinds, ["image", "outOfMemory", "hostLost"]);
});

test("a worker that is told to end has ended, as one of an array and with its whole job", async () => {
  await using batch = await Fixture.start();
  const launcher = batch.launcher(sleeps);
  const job = jobOf(await launcher.launch(request({ count: 3 })));
  await batch.server.whenStatus(job, "PENDING");
  for (const index of [0, 1, 2]) await batch.server.whenStatus(`${job}:${index}`, "RUNNING");
  await launcher.end([{ job, indexes: [1] }], "idle");
  await batch.server.whenStatus(`${job}:1`);
  const { stages, failures } = await reportOf(launcher, job);
  assert.deepEqual(
    [stages.running, failures.map(({ index, kind, reason }) => [index, kind, reason])],
    [2, [[1, "ended", "Stepwell: idle"]]],
  );
  await launcher.end([{ job, indexes: null }], "over");
  await batch.server.whenStatus(job);
  await launcher.end([{ job, indexes: null }], "again");
  assert.deepEqual((await reportOf(launcher, job)).stages, { waiting: 0, starting: 0, running: 0, succeeded: 0, failed: 3 });
});

test("questions are asked again when Batch is not well, and in the end the coordinator is told why", async () => {
  await using batch = await Fixture.start();
  const launcher = batch.launcher("0", {}, 3);
  const job = jobOf(await launcher.launch(request()));
  batch.server.faults.add({ fault: { kind: "error", status: 503, code: "x", isPage: true }, matches: "^DescribeJobs", times: 2 });
  assert.equal((await reportOf(launcher, job)).job, job);
  batch.server.faults.add({ fault: { kind: "error", status: 429, code: "TooManyRequestsException" }, matches: "^ListJobs" });
  await assert.rejects(launcher.find([first]), (error) => error instanceof LauncherError && error.kind === "throttled");
  batch.server.faults.add({ fault: { kind: "error", status: 403, code: "AccessDeniedException" }, matches: "^TerminateJob", times: 1 });
  await assert.rejects(launcher.end([{ job, indexes: null }], "x"), (error) => error instanceof LauncherError && error.kind === "refused");
});

test("endpoint, region and credentials come from where AWS users have them", async () => {
  await using batch = await Fixture.start();
  const variables = {
    AWS_ENDPOINT_URL_BATCH: batch.server.endpoint,
    AWS_REGION: "eu-west-1",
    AWS_ACCESS_KEY_ID: testCredentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: testCredentials.secretAccessKey,
  };
  Object.assign(process.env, variables);
  const launcher = await openBatchLauncher({ settings: settingsWith("0") });
  const job = jobOf(await launcher.launch(request()));
  assert.match((await batch.server.whenStatus(job)).jobId ?? "", /^[0-9a-f-]{36}$/);
  await launcher.close();
  for (const name of Object.keys(variables)) delete process.env[name];
});
