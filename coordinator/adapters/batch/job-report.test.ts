// From Batch's words to stages and kinds of failure.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { JobSummary } from "@aws-sdk/client-batch";
import { failuresToldMax, type JobFailureKind } from "../../ports/launcher.ts";
import { consoleLink, failuresOf, reasonPrefix, stagesOf, waitingReasonOf } from "./job-report.ts";

type Words = { readonly statusReason?: string; readonly reason?: string; readonly exitCode?: number; readonly isCancelled?: boolean };

function failed({ statusReason, reason, exitCode, isCancelled }: Words, index = 0, stoppedAt = 1): JobSummary {
  const container = { exitCode, reason };
  return {
    jobId: `j:${index}`,
    jobName: "j",
    status: "FAILED",
    statusReason,
    container,
    stoppedAt,
    isCancelled,
    arrayProperties: { index },
  };
}

test("Batch's words for a failure are a kind each", () => {
  const exited = "Essential container in task exited";
  const cases: readonly [Words, JobFailureKind][] = [
    [{ statusReason: exited, exitCode: 3 }, "exit"],
    [{ statusReason: exited, exitCode: 137 }, "outOfMemory"],
    [{ statusReason: exited, exitCode: 1, reason: "OutOfMemoryError: Container killed due to memory usage" }, "outOfMemory"],
    [{ statusReason: "Host EC2 (instance i-0123) terminated." }, "hostLost"],
    [{ statusReason: "Your Spot Task was interrupted.", exitCode: 143 }, "hostLost"],
    [{ statusReason: "Task failed to start", reason: "CannotPullContainerError: no such image" }, "image"],
    [{ statusReason: "Task failed to start", reason: "DockerTimeoutError: Could not transition to created" }, "image"],
    [{ statusReason: "ResourceInitializationError", reason: "ResourceInitializationError: unable to pull secrets" }, "image"],
    [{ statusReason: "Job attempt duration exceeded timeout", exitCode: 137 }, "timeout"],
    [{ statusReason: "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - none" }, "impossible"],
    [{ statusReason: "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - too large" }, "impossible"],
    [{ statusReason: "UNDETERMINED - Batch job is blocked" }, "impossible"],
    [{ statusReason: `${reasonPrefix}not needed`, exitCode: 143 }, "ended"],
    [{ statusReason: "bye", isCancelled: true, exitCode: 137 }, "ended"],
    [{ statusReason: "somebody's words in the console" }, "ended"],
    [{}, "ended"],
  ];
  for (const [words, kind] of cases) assert.equal(failuresOf([failed(words)])[0]?.kind, kind, JSON.stringify(words));
});

test("the latest failures are told, with the worker's index and all of Batch's words", () => {
  const children = Array.from({ length: failuresToldMax + 5 }, (_, index) =>
    failed({ statusReason: "Task failed to start", reason: `CannotPull ${index}` }, index, index),
  );
  const told = failuresOf([...children, { jobId: "j:99", jobName: "j", status: "RUNNING" }]);
  assert.equal(told.length, failuresToldMax);
  assert.deepEqual(told[0], { index: 14, kind: "image", exitCode: null, reason: "Task failed to start: CannotPull 14" });
  assert.equal(failuresOf([failed({})])[0]?.reason, "Batch gives no reason");
});

test("stages of an array add up to its size, whatever its summary lacks yet", () => {
  const job = { jobId: "j", jobName: "j", jobQueue: "q", jobDefinition: "d", startedAt: 0 };
  const none = { waiting: 0, starting: 0, running: 0, succeeded: 0, failed: 0 };
  const statusSummary = { SUBMITTED: 1, PENDING: 1, RUNNABLE: 2, STARTING: 3, RUNNING: 4, SUCCEEDED: 5, FAILED: 6 };
  const whole = stagesOf({ ...job, status: "PENDING", arrayProperties: { size: 22, statusSummary } });
  assert.deepEqual(whole, { waiting: 4, starting: 3, running: 4, succeeded: 5, failed: 6 });
  assert.deepEqual(stagesOf({ ...job, status: "SUBMITTED", arrayProperties: { size: 7 } }), { ...none, waiting: 7 });
  const half = { size: 7, statusSummary: { SUCCEEDED: 3 } };
  assert.deepEqual(stagesOf({ ...job, status: "FAILED", arrayProperties: half }), { ...none, succeeded: 3, failed: 4 });
  assert.deepEqual(stagesOf({ ...job, status: "RUNNING" }), { ...none, running: 1 });
});

test("of those that wait, the first that says why does", () => {
  const waiting = (statusReason?: string): JobSummary => ({ jobId: "j", jobName: "j", status: "RUNNABLE", statusReason });
  assert.equal(waitingReasonOf([waiting(), waiting("CAPACITY:X"), waiting("UNDETERMINED")]), "CAPACITY:X");
  assert.equal(waitingReasonOf([waiting(), failed({ statusReason: "Host EC2 gone" })]), null);
});

test("the page of a job lies in the console of its region's partition", () => {
  assert.equal(consoleLink("eu-west-1", "a:3"), "https://eu-west-1.console.aws.amazon.com/batch/home?region=eu-west-1#jobs/detail/a%3A3");
  assert.match(consoleLink("cn-north-1", "a"), /^https:\/\/cn-north-1\.console\.amazonaws\.cn\//);
  assert.match(consoleLink("us-gov-west-1", "a"), /^https:\/\/us-gov-west-1\.console\.amazonaws-us-gov\.com\//);
});
