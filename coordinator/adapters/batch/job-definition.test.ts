// What Batch is told of a container, and by which queue and role.

import assert from "node:assert/strict";
import { test } from "node:test";
import { containerFor, type Container } from "../../../proto/container.ts";
import type { BatchPlacement } from "../../../proto/graph.ts";
import { shapeOf, type Shape } from "../../../proto/shape.ts";
import { type BatchSettings, queueFor } from "./batch-settings.ts";
import { jobDefinitionOf } from "./job-definition.ts";

const none = { fargate: null, fargateOnDemand: null, ec2: null, ec2OnDemand: null, gpu: null, gpuOnDemand: null };
const settings: BatchSettings = {
  queues: { ...none, fargate: "arn:aws-cn:batch:cn-north-1:123456789012:job-queue/q" },
  image: "ours:1",
  jobRole: null,
  executionRole: "pull",
  publicIp: true,
  logGroup: null,
  command: ["stepwell", "worker"],
};

type Asked = Partial<BatchPlacement> & { readonly capacity?: Shape["capacity"] };

function made({ capacity = "spot", ...placement }: Asked): { readonly shape: Shape; readonly container: Container } {
  const whole = { cpu: 1, memoryMiB: 1000, gpu: 0, queue: null, image: null, options: {}, ...placement };
  const shape = shapeOf(whole, { memoryMiB: whole.memoryMiB, capacity });
  const fitting = containerFor(shape, "fargate");
  assert.equal(fitting.kind, "fits");
  return { shape, container: fitting.container };
}

test("a definition on Fargate has the valid size, an address, and a process that hands on signals", () => {
  const { shape, container } = made({ cpu: 0.25, memoryMiB: 300, options: { ephemeralStorage: 50, env: { A: "1" }, tags: { team: "x" } } });
  const { containerProperties, ...definition } = jobDefinitionOf(shape, container, settings);
  assert.match(definition.jobDefinitionName ?? "", /^stepwell-0_25vcpu-512mib-[0-9a-f]{24}$/);
  assert.deepEqual([definition.platformCapabilities, definition.retryStrategy], [["FARGATE"], { attempts: 1 }]);
  assert.equal(definition.tags?.["team"], "x");
  assert.deepEqual(containerProperties, {
    image: "ours:1",
    command: ["stepwell", "worker"],
    resourceRequirements: [
      { type: "VCPU", value: "0.25" },
      { type: "MEMORY", value: "512" },
    ],
    environment: [{ name: "A", value: "1" }],
    executionRoleArn: "arn:aws-cn:iam::123456789012:role/pull",
    linuxParameters: { initProcessEnabled: true },
    networkConfiguration: { assignPublicIp: "ENABLED" },
    ephemeralStorage: { sizeInGiB: 50 },
  });
});

test("a definition on EC2 has what only EC2 has, and nothing of Fargate", () => {
  const options = { sharedMemory: 64, tmpfs: { "/s": 32 }, maxSwap: 1, swappiness: 2, jobRole: "arn:aws:iam::1:role/mine" };
  const { shape, container } = made({ cpu: 1.5, gpu: 1, image: "theirs", options });
  const { containerProperties } = jobDefinitionOf(shape, container, { ...settings, logGroup: "/workers", publicIp: false });
  assert.deepEqual(
    containerProperties?.resourceRequirements?.map(({ value }) => value),
    ["2", "1128", "1"],
  );
  assert.deepEqual(containerProperties?.linuxParameters, {
    initProcessEnabled: true,
    sharedMemorySize: 64,
    tmpfs: [{ containerPath: "/s", size: 32 }],
    maxSwap: 1,
    swappiness: 2,
  });
  assert.equal(containerProperties?.jobRoleArn, "arn:aws:iam::1:role/mine");
  assert.equal(containerProperties?.image, "theirs");
  assert.deepEqual(containerProperties?.logConfiguration?.options, { "awslogs-group": "/workers", "awslogs-stream-prefix": "worker" });
  assert.equal(containerProperties?.networkConfiguration, undefined);
  const asksMachine = (asked: Asked): boolean => {
    const { shape: other, container: its } = made(asked);
    const { environment = [] } = jobDefinitionOf(other, its, settings).containerProperties ?? {};
    return environment.some(({ name, value }) => name === "STEPWELL_SPOT_NOTICE" && value === "on");
  };
  assert.deepEqual([asksMachine({ gpu: 1 }), asksMachine({ gpu: 1, capacity: "onDemand" }), asksMachine({})], [true, false, false]);
});

test("equal definitions have equal names, others differ", () => {
  const nameOf = (asked: Asked, more: Partial<BatchSettings> = {}): string | undefined => {
    const { shape, container } = made(asked);
    return jobDefinitionOf(shape, container, { ...settings, ...more }).jobDefinitionName;
  };
  assert.equal(nameOf({}), nameOf({}));
  const others = [nameOf({}), nameOf({ image: "x" }), nameOf({ options: { env: { A: "1" } } }), nameOf({}, { image: "ours:2" })];
  assert.equal(new Set(others).size, 4);
});

test("a queue is chosen by platform and capacity, and a step's own goes before all", () => {
  const queues = { fargate: "f", fargateOnDemand: "fo", ec2: "e", ec2OnDemand: "eo", gpu: "g", gpuOnDemand: "go" };
  const chosen = (asked: Asked, from = queues as BatchSettings["queues"]): string | null => {
    const { shape, container } = made(asked);
    return queueFor(shape, container, from);
  };
  assert.deepEqual([chosen({}), chosen({ capacity: "onDemand" })], ["f", "fo"]);
  assert.deepEqual([chosen({ cpu: 64 }), chosen({ cpu: 64, capacity: "onDemand" })], ["e", "eo"]);
  assert.deepEqual([chosen({ gpu: 1 }), chosen({ gpu: 1, capacity: "onDemand" })], ["g", "go"]);
  assert.deepEqual([chosen({ gpu: 1 }, { ...queues, gpu: null }), chosen({ gpu: 1 }, none)], ["e", null]);
  assert.equal(chosen({ capacity: "onDemand" }, { ...queues, fargateOnDemand: null }), "f");
  assert.equal(chosen({ queue: "mine" }, none), "mine");
});
