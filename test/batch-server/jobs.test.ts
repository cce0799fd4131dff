// Jobs at the Batch test server live as they do at Batch, and are real processes.

import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import {
  CancelJobCommand,
  DescribeJobsCommand,
  ListJobsCommand,
  TerminateJobCommand,
  TerminateJobsCommand,
  type JobDetail,
  type JobSummary,
} from "@aws-sdk/client-batch";
import { BatchFixture, sleeps } from "./fixture.ts";

const quick = { timeScale: 1000 };

/** Says what it is about, and dies of nothing but SIGKILL. */
const stubborn = `process.on("SIGTERM", () => console.log("asked")); console.log("up"); ${sleeps}`;

function processesOf(jobId: string): string[] {
  return readdirSync("/proc").filter((name) => {
    try {
      return /^\d+$/.test(name) && readFileSync(`/proc/${name}/environ`, "latin1").includes(`AWS_BATCH_JOB_ID=${jobId}`);
    } catch {
      return false;
    }
  });
}

async function whenLogged({ server }: BatchFixture, jobId: string, text: string): Promise<void> {
  while (!server.logOf(jobId).includes(text)) await new Promise((resolve) => setTimeout(resolve, 10));
}

describe("a job", () => {
  test("that ends well has succeeded, and its environment is its own", async () => {
    await using batch = await BatchFixture.start(quick);
    process.env["OF_THE_TEST"] = "1";
    const jobId = await batch.submit("console.log(JSON.stringify(process.env))", {
      containerOverrides: { environment: [{ name: "GREETING", value: "hello" }] },
      tags: { launch: "l1" },
    });
    await batch.server.whenStatus(jobId);
    const { jobs = [] } = await batch.client.send(new DescribeJobsCommand({ jobs: [jobId] }));
    const [job] = jobs;
    assert.equal(job?.status, "SUCCEEDED");
    assert.equal(job.statusReason, "Essential container in task exited");
    assert.equal(job.container?.exitCode, 0);
    assert.match(job.container.logStreamName ?? "", /^fargate\/default\/[0-9a-f]{32}$/);
    assert.equal(job.attempts?.length, 1);
    assert.deepEqual(job.tags, { launch: "l1" });
    assert.ok((job.createdAt ?? 0) <= (job.startedAt ?? 0) && (job.startedAt ?? 0) <= (job.stoppedAt ?? 0));
    const variables = JSON.parse(batch.server.logOf(jobId)) as Record<string, string>;
    assert.equal(variables["GREETING"], "hello");
    assert.equal(variables["AWS_BATCH_JOB_ID"], jobId);
    assert.equal(variables["AWS_BATCH_JOB_ATTEMPT"], "1");
    assert.equal(variables["AWS_BATCH_JQ_NAME"], "fargate");
    assert.equal(variables["AWS_BATCH_CE_NAME"], "fargate-spot");
    assert.equal(variables["OF_THE_TEST"], undefined);
  });

  test("that ends badly is tried again as often as was said, and has failed then", async () => {
    await using batch = await BatchFixture.start(quick);
    const once = await batch.submit("process.exit(3)");
    assert.equal((await batch.server.whenStatus(once)).attempts?.length, 1);
    const thrice = await batch.submit("process.exit(Number(process.env.AWS_BATCH_JOB_ATTEMPT) + 2)", { retryStrategy: { attempts: 3 } });
    const job = await batch.server.whenStatus(thrice);
    assert.equal(job.status, "FAILED");
    assert.deepEqual(
      job.attempts?.map(({ container }) => container?.exitCode),
      [3, 4, 5],
    );
    assert.equal(job.container?.exitCode, 5);
  });

  test("is tried again only if its first matching rule, whatever its case, says so", async () => {
    await using batch = await BatchFixture.start(quick);
    const tries = async (
      script: string,
      evaluateOnExit: { onExitCode?: string; onStatusReason?: string; onReason?: string; action: "RETRY" | "EXIT" }[],
    ) => (await batch.server.whenStatus(await batch.submit(script, { retryStrategy: { attempts: 2, evaluateOnExit } }))).attempts?.length;
    const otherwise = { onReason: "*", action: "EXIT" } as const;
    assert.equal(await tries("process.exit(3)", [{ onExitCode: "3", action: "RETRY" }, otherwise]), 2);
    assert.equal(await tries("process.exit(4)", [{ onExitCode: "3", action: "RETRY" }, otherwise]), 1);
    assert.equal(await tries("process.exit(3)", [{ onStatusReason: "ESSENTIAL*", action: "RETRY" }, otherwise]), 2);
    assert.equal(await tries("process.exit(3)", [{ onStatusReason: "ESSENTIAL*", onExitCode: "4", action: "RETRY" }, otherwise]), 1);
    assert.equal(await tries("process.exit(3)", [{ onExitCode: "4", action: "EXIT" }]), 2, "without a match it is tried again");
  });

  test("that takes too long is ended, and not tried again", async () => {
    await using batch = await BatchFixture.start(quick);
    const jobId = await batch.submit(sleeps, { timeout: { attemptDurationSeconds: 60 }, retryStrategy: { attempts: 3 } });
    const job = await batch.server.whenStatus(jobId);
    assert.equal(job.status, "FAILED");
    assert.equal(job.statusReason, "Job attempt duration exceeded timeout");
    assert.equal(job.container?.exitCode, 143);
    assert.equal(job.attempts?.length, 1);
  });

  test("that doesn't listen when it is asked to end is killed after the grace", async () => {
    await using batch = await BatchFixture.start({ timeScale: 100 });
    const jobId = await batch.submit(stubborn);
    await batch.server.whenStatus(jobId, "RUNNING");
    await whenLogged(batch, jobId, "up");
    await batch.client.send(new TerminateJobCommand({ jobId, reason: "not needed" }));
    assert.equal((await batch.server.whenStatus(jobId)).container?.exitCode, 137);
    assert.equal(batch.server.logOf(jobId), "up\nasked\n");
  });

  test("ends when it is terminated, with the reason and however often it might be tried", async () => {
    await using batch = await BatchFixture.start({ timeScale: 100 });
    const jobId = await batch.submit(`console.log("up"); ${sleeps}`, { retryStrategy: { attempts: 3 } });
    await batch.server.whenStatus(jobId, "RUNNING");
    await whenLogged(batch, jobId, "up");
    await batch.client.send(new CancelJobCommand({ jobId, reason: "does nothing to what runs" }));
    await batch.client.send(new TerminateJobCommand({ jobId, reason: "not needed" }));
    const job = await batch.server.whenStatus(jobId);
    assert.equal(job.status, "FAILED");
    assert.equal(job.statusReason, "not needed");
    assert.equal(job.container?.exitCode, 143);
    assert.equal(job.isTerminated, true);
    assert.equal(job.attempts?.length, 1);
    await batch.client.send(new TerminateJobCommand({ jobId, reason: "once more" }));
    assert.equal((await batch.server.whenStatus(jobId)).statusReason, "not needed");
  });

  test("that waits never starts when it is cancelled, nor when it is terminated among others", async () => {
    await using batch = await BatchFixture.start({ timeScale: 1, scaleUpMs: 60_000 });
    const first = await batch.submit("0");
    const second = await batch.submit("0");
    await batch.server.whenStatus(first, "RUNNABLE");
    await batch.client.send(new CancelJobCommand({ jobId: first, reason: "too slow" }));
    const job = await batch.server.whenStatus(first);
    assert.equal(job.status, "FAILED");
    assert.equal(job.statusReason, "too slow");
    assert.equal(job.attempts?.length, 0);
    assert.equal(job.startedAt, undefined);
    const ended = await batch.client.send(new TerminateJobsCommand({ jobs: [second, "unknown"], reason: "too many" }));
    assert.deepEqual(ended.successful, [second]);
    assert.deepEqual(
      ended.errors?.map((error) => error.job),
      ["unknown"],
    );
    assert.equal((await batch.server.whenStatus(second)).statusReason, "too many");
  });

  test("whose program is not in its image fails to start", async () => {
    await using batch = await BatchFixture.start(quick);
    const jobId = await batch.submit("", { containerOverrides: { command: ["no-such-program"] } });
    const job = await batch.server.whenStatus(jobId);
    assert.equal(job.statusReason, "Task failed to start");
    assert.match(job.container?.reason ?? "", /^CannotStartContainerError: .*no-such-program/);
    assert.equal(job.container?.exitCode, undefined);
  });

  test("takes with it all that it has started, in whatever group", async () => {
    await using batch = await BatchFixture.start(quick);
    const child = `require("node:child_process").spawn(process.execPath, ["-e", "${sleeps}"], { detached: true, stdio: "ignore" }).on("spawn", () => process.exit(0))`;
    const jobId = await batch.submit(child);
    assert.equal((await batch.server.whenStatus(jobId)).status, "SUCCEEDED");
    assert.deepEqual(processesOf(jobId), []);
  });

  test("is gone when the server has closed", async () => {
    let jobId = "";
    {
      await using batch = await BatchFixture.start({ timeScale: 1 });
      const child = `require("node:child_process").spawn(process.execPath, ["-e", "${sleeps}"], { detached: true, stdio: "ignore" })`;
      jobId = await batch.submit(`process.on("SIGTERM", () => {}); ${child}.on("spawn", () => console.log("up")); ${sleeps}`);
      await batch.server.whenStatus(jobId, "RUNNING");
      await whenLogged(batch, jobId, "up");
      assert.equal(processesOf(jobId).length, 2);
    }
    assert.deepEqual(processesOf(jobId), []);
  });
});

describe("an array", () => {
  test("has children with indexes, is over when they are, and is listed in pages", async () => {
    await using batch = await BatchFixture.start(quick);
    const jobId = await batch.submit("process.exit(process.env.AWS_BATCH_JOB_ARRAY_INDEX === '7' ? 1 : 0)", {
      arrayProperties: { size: 12 },
    });
    const parent = await batch.server.whenStatus(jobId);
    assert.equal(parent.status, "FAILED");
    assert.equal(parent.statusReason, "Array Child Job failed");
    assert.equal(parent.arrayProperties?.statusSummary?.["SUCCEEDED"], 11);
    assert.equal(parent.arrayProperties.statusSummary["FAILED"], 1);
    const children: JobSummary[] = [];
    let nextToken: string | undefined;
    let pages = 0;
    do {
      const page = await batch.client.send(
        new ListJobsCommand({ arrayJobId: jobId, jobStatus: "SUCCEEDED", maxResults: 5, ...(nextToken !== undefined && { nextToken }) }),
      );
      children.push(...(page.jobSummaryList ?? []));
      nextToken = page.nextToken;
      pages += 1;
    } while (nextToken !== undefined);
    assert.equal(pages, 3);
    assert.deepEqual(
      children.map((child) => child.jobId),
      [0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11].map((index) => `${jobId}:${index}`),
    );
    const { jobs = [] } = await batch.client.send(new DescribeJobsCommand({ jobs: [`${jobId}:7`] }));
    assert.equal(jobs[0]?.arrayProperties?.index, 7);
    assert.equal(jobs[0].container?.exitCode, 1);
  });

  test("ends as a whole when it is terminated, or child by child", async () => {
    await using batch = await BatchFixture.start({ timeScale: 100 });
    const jobId = await batch.submit(sleeps, { arrayProperties: { size: 3 } });
    await batch.server.whenStatus(jobId, "PENDING");
    for (const index of [0, 1, 2]) await batch.server.whenStatus(`${jobId}:${index}`, "RUNNING");
    await batch.client.send(new TerminateJobCommand({ jobId: `${jobId}:1`, reason: "one less" }));
    assert.equal((await batch.server.whenStatus(`${jobId}:1`)).statusReason, "one less");
    assert.equal(batch.server.jobs().find((job) => job.jobId === `${jobId}:0`)?.status, "RUNNING");
    await batch.client.send(new TerminateJobCommand({ jobId, reason: "all of it" }));
    const parent = await batch.server.whenStatus(jobId);
    assert.equal(parent.status, "FAILED");
    assert.equal(parent.statusReason, "all of it");
    assert.equal(parent.arrayProperties?.statusSummary?.["FAILED"], 3);
  });
});

describe("dependencies", () => {
  const order = (jobs: readonly JobDetail[], id: string): number => jobs.find(({ jobId }) => jobId === id)?.startedAt ?? Number.NaN;

  test("make a job wait for another, and fail with it", async () => {
    await using batch = await BatchFixture.start(quick);
    const first = await batch.submit("setTimeout(() => {}, 50)");
    const second = await batch.submit("0", { dependsOn: [{ jobId: first }] });
    const job = await batch.server.whenStatus(second);
    assert.equal(job.status, "SUCCEEDED");
    const stopped = batch.server.jobs().find(({ jobId }) => jobId === first)?.stoppedAt ?? Number.NaN;
    assert.ok((job.startedAt ?? 0) >= stopped);
    const bad = await batch.submit("process.exit(1)");
    const third = await batch.server.whenStatus(await batch.submit("0", { dependsOn: [{ jobId: bad }] }));
    assert.equal(third.status, "FAILED");
    assert.equal(third.statusReason, "Dependent Job failed");
    assert.equal(third.attempts?.length, 0);
  });

  test("make children of an array wait for each other, or for those of another array", async () => {
    await using batch = await BatchFixture.start(quick);
    const inOrder = await batch.submit("0", { arrayProperties: { size: 3 }, dependsOn: [{ type: "SEQUENTIAL" }] });
    const each = await batch.submit("0", { arrayProperties: { size: 3 }, dependsOn: [{ jobId: inOrder, type: "N_TO_N" }] });
    assert.equal((await batch.server.whenStatus(each)).status, "SUCCEEDED");
    const jobs = batch.server.jobs();
    for (const index of [1, 2]) assert.ok(order(jobs, `${inOrder}:${index - 1}`) < order(jobs, `${inOrder}:${index}`));
    for (const index of [0, 1, 2]) assert.ok(order(jobs, `${inOrder}:${index}`) < order(jobs, `${each}:${index}`));
  });
});

test("a folder of the server is gone when it has closed", async () => {
  const batch = await BatchFixture.start(quick);
  const jobId = await batch.submit("console.log(process.cwd())");
  await batch.server.whenStatus(jobId);
  const home = batch.server.logOf(jobId).trim();
  assert.match(home, /stepwell-batch-/);
  assert.equal(existsSync(home), false);
  await batch[Symbol.asyncDispose]();
  assert.equal(existsSync(home.replace(/(stepwell-batch-[^/]*).*/, "$1")), false);
});
