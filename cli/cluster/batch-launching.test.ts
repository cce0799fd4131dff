// What a coordinator must be told before it can have workers in AWS Batch.

import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { test } from "node:test";
import { bootstrapCommand } from "../../coordinator/adapters/batch/bootstrap.ts";
import type { BatchSettings } from "../../coordinator/adapters/batch/batch-settings.ts";
import { Options } from "../arguments.ts";
import { CliError } from "../cli-error.ts";
import { loadSettings } from "../settings.ts";
import { batchSettings } from "./batch-launching.ts";

const worker = { url: "http://127.0.0.1:7421/worker/1", sha256: "ab" };

function settingsFrom(variables: Readonly<Record<string, string>>): BatchSettings {
  const env = { XDG_CONFIG_HOME: tmpdir(), USER: "ada", ...variables };
  return batchSettings(loadSettings({ options: new Options(new Map()), env, cwd: tmpdir() }).settings, worker);
}

const enough = {
  STEPWELL_BATCH_QUEUE: "fargate",
  STEPWELL_BATCH_IMAGE: "stepwell:1",
  STEPWELL_BATCH_EXECUTION_ROLE: "arn:aws:iam::123456789012:role/pull",
};

test("queues, image and roles are settings like others", () => {
  const made = settingsFrom({
    ...enough,
    STEPWELL_BATCH_ON_DEMAND_QUEUE: "b",
    STEPWELL_BATCH_EC2_QUEUE: "c",
    STEPWELL_BATCH_EC2_ON_DEMAND_QUEUE: "d",
    STEPWELL_BATCH_GPU_QUEUE: "e",
    STEPWELL_BATCH_GPU_ON_DEMAND_QUEUE: "f",
    STEPWELL_BATCH_JOB_ROLE: "work",
    STEPWELL_BATCH_PUBLIC_IP: "off",
    STEPWELL_BATCH_LOG_GROUP: "/workers",
  });
  assert.deepEqual(made, {
    queues: { fargate: "fargate", fargateOnDemand: "b", ec2: "c", ec2OnDemand: "d", gpu: "e", gpuOnDemand: "f" },
    image: "stepwell:1",
    jobRole: "work",
    executionRole: "arn:aws:iam::123456789012:role/pull",
    publicIp: false,
    logGroup: "/workers",
    command: bootstrapCommand(worker),
  });
  const { publicIp, logGroup, jobRole, queues } = settingsFrom(enough);
  assert.deepEqual([publicIp, logGroup, jobRole, queues.ec2], [true, null, null, null]);
});

test("without what every job needs it is told which variable names it", () => {
  for (const name of Object.keys(enough)) {
    const names = (error: unknown): boolean => error instanceof CliError && (error.hint ?? "").includes(`set ${name} `);
    assert.throws(() => settingsFrom({ ...enough, [name]: "" }), names);
  }
});

test("a coordinator with machines of EC2 alone needs no execution role", () => {
  const variables = { STEPWELL_BATCH_EC2_QUEUE: "c", STEPWELL_BATCH_IMAGE: "stepwell:1" };
  assert.equal(settingsFrom(variables).executionRole, null);
});
