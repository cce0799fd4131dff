// A coordinator that launches workers in AWS Batch, with the real SDK at a server whose jobs are real processes: from none to
// as many as are needed and back, with few calls, and whatever becomes of a worker.

import assert from "node:assert/strict";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import type { LaunchView } from "../../proto/launch.ts";
import { testCredentials } from "../aws/signature.ts";
import { account } from "../batch-server/names.ts";
import { BatchServer, type BatchServerOptions } from "../batch-server/server.ts";
import { Service } from "../cluster/processes.ts";
import { stepwell, temporaryFolder } from "../command.ts";

const options = { timeout: 90_000 };
const tasks = 100;

const flow = `import { FlowSpec, batch, step, type Inputs } from "stepwell";
export class ManyFlow extends FlowSpec {
  declare items: number[];
  declare square: number;
  declare sum: number;
  declare jobs: string[];
  declare job: string;
  @step start() {
    this.items = Array.from({ length: ${tasks} }, (_, i) => i);
    return this.next(this.work, { foreach: "items" });
  }
  @step @batch({ cpu: 0.25, memory: 300, env: { STEP: "yes" } })
  async work(item: number) {
    await new Promise((resolve) => setTimeout(resolve, Number(process.env["STEP"] === "yes") * 20));
    this.square = item * item;
    this.job = process.env["AWS_BATCH_JOB_ID"] ?? "here";
    return this.next(this.join);
  }
  @step join(inputs: Inputs<this>) {
    this.sum = inputs.map((input) => input.square).reduce((a, b) => a + b, 0);
    this.jobs = [...new Set(inputs.map((input) => input.job))];
    return this.next(this.end);
  }
  @step end() {}
}
`;
const sum = Array.from({ length: tasks }, (_, i) => i * i).reduce((a, b) => a + b, 0);

type World = {
  readonly folder: string;
  readonly server: BatchServer;
  readonly coordinator: Service;
  readonly env: Readonly<Record<string, string>>;
};

/** An image that has Node alone, and a coordinator that launches at most two workers of it. */
async function begin(t: TestContext, given: BatchServerOptions = {}): Promise<World> {
  const folder = temporaryFolder();
  t.after(() => folder[Symbol.dispose]());
  folder.write("many.ts", flow);
  const server = await BatchServer.start({ timeScale: 100, scaleUpMs: 10_000, ...given });
  t.after(() => server.close());
  const data = join(folder.path, "data");
  const cache = { XDG_CACHE_HOME: join(folder.path, "cache") };
  const words = ["--launcher", "batch", "--launch-max", "2", "--launch-window-seconds", "0.2", "--launch-idle-seconds", "1"];
  const env = {
    ...cache,
    AWS_ENDPOINT_URL_BATCH: server.endpoint,
    AWS_REGION: "eu-west-1",
    AWS_ACCESS_KEY_ID: testCredentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: testCredentials.secretAccessKey,
    STEPWELL_BATCH_QUEUE: "fargate",
    STEPWELL_BATCH_IMAGE: "node:24",
    STEPWELL_BATCH_EXECUTION_ROLE: `arn:aws:iam::${account}:role/pull`,
  };
  const coordinator = new Service(["coordinator", "--data", data, "--listen", "127.0.0.1:0", ...words], { cwd: folder.path, env });
  t.after(() => coordinator[Symbol.asyncDispose]());
  const listening = await coordinator.event("coordinator.listening");
  const reached = { ...cache, STEPWELL_COORDINATOR: String(listening["address"]), STEPWELL_TOKEN_FILE: join(data, "admin-token") };
  return { folder: folder.path, server, coordinator, env: reached };
}

async function json(world: World, ...args: readonly string[]): Promise<unknown> {
  const answered = await stepwell(world.folder, [...args, "--json"], { env: world.env });
  assert.equal(answered.code, 0, `${answered.stderr}\n${world.coordinator.text}`);
  return JSON.parse(answered.stdout);
}

async function launches(world: World, ...args: readonly string[]): Promise<readonly LaunchView[]> {
  return ((await json(world, "batch", "list", ...args)) as { readonly launches: readonly LaunchView[] }).launches;
}

/** When nothing of it runs any more. */
async function ended({ server }: World): Promise<readonly (string | undefined)[]> {
  for (const { jobId = "" } of server.jobs()) await server.whenStatus(jobId);
  return server.jobs().map(({ status }) => status);
}

function submissions({ server }: World): number {
  return server.operations.filter((operation) => operation === "SubmitJob").length;
}

test(
  "tasks of a step with @batch run in Batch, with one call for all workers, which leave when nothing is left to do",
  options,
  async (t) => {
    const world = await begin(t);
    const ran = await stepwell(world.folder, ["run", "many.ts"], { env: world.env });
    assert.equal(ran.code, 0, `${ran.stderr}\n${world.coordinator.text}`);
    assert.equal(await json(world, "get", "ManyFlow/1/end/0/sum"), sum);
    const jobs = (await json(world, "get", "ManyFlow/1/join/0/jobs")) as readonly string[];
    const known = new Set(world.server.jobs().map(({ jobId }) => jobId));
    assert.ok(jobs.length > 0 && jobs.every((job) => known.has(job)), jobs.join());
    assert.equal(submissions(world), 1);
    assert.deepEqual([...new Set(await ended(world))], ["SUCCEEDED"]);
  },
);

test("a job that was started twice, since its first answer was lost, works once", options, async (t) => {
  const world = await begin(t);
  world.server.faults.add({ fault: { kind: "dropAfter" }, matches: "^SubmitJob", times: 1 });
  const ran = await stepwell(world.folder, ["run", "many.ts"], { env: world.env });
  assert.equal(ran.code, 0, `${ran.stderr}\n${world.coordinator.text}`);
  assert.equal(await json(world, "get", "ManyFlow/1/end/0/sum"), sum);
  const seen = (await json(world, "get", "ManyFlow/1/join/0/jobs")) as readonly string[];
  const parents = world.server.jobs().filter(({ arrayProperties }) => arrayProperties?.index === undefined);
  assert.ok(parents.length >= 1 && seen.length > 0, seen.join());
  await ended(world);
});

test("what a spot container ran when it was taken back runs elsewhere, at nobody's expense", options, async (t) => {
  const world = await begin(t);
  const running = stepwell(world.folder, ["run", "many.ts"], { env: world.env });
  await world.coordinator.event("launch.workerCame");
  world.server.spotKill(1);
  const ran = await running;
  assert.equal(ran.code, 0, `${ran.stderr}\n${world.coordinator.text}`);
  assert.equal(await json(world, "get", "ManyFlow/1/end/0/sum"), sum);
});

test("batch kill ends a launch with its job", options, async (t) => {
  const world = await begin(t, { scaleUpMs: 2_000_000 });
  const submitted = await stepwell(world.folder, ["run", "many.ts", "--detach"], { env: world.env });
  assert.equal(submitted.code, 0, submitted.stderr);
  const worker = new Service(["worker", "--slots", "1"], { cwd: world.folder, env: world.env });
  t.after(() => worker[Symbol.asyncDispose]());
  await world.coordinator.event("launch.submitted");
  const [launch] = await launches(world);
  assert.ok(launch !== undefined);
  assert.deepEqual(await json(world, "batch", "kill", launch.launch), { ended: [launch.launch] });
  const { statusReason } = await world.server.whenStatus(launch.job ?? "");
  assert.match(statusReason ?? "", /^Stepwell: ended by /);
});
