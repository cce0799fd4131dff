// What @batch may ask for: each option at its limits, options that exclude each other, and sizes that no container has.

import assert from "node:assert/strict";
import { test } from "node:test";
import { batchSlotsMax } from "../../proto/container.ts";
import type { BatchPlacement } from "../../proto/graph.ts";
import { batchTagsMax, tmpfsMax } from "./batch-policy.ts";
import { memoryMiBMax } from "./option-reader.ts";
import { policyOf } from "./policy.ts";

type Options = Readonly<Record<string, unknown>>;

function read(batch: Options, others: Readonly<Record<string, Options>> = {}): { batch: BatchPlacement | null; told: readonly string[] } {
  const decorators = Object.entries({ batch, ...others }).map(([name, options]) => ({ name, options }));
  const { policy, problems } = policyOf(decorators);
  return { batch: policy.batch, told: problems.map(({ message, hint }) => `${message}; ${hint}`) };
}

const sizesOf = (placement: BatchPlacement | null): unknown => [placement?.cpu, placement?.memoryMiB, placement?.gpu];

test("the larger of what @batch and @resources ask for counts, and the usual where neither asks", () => {
  const cases: readonly [batch: Options, resources: Options, sizes: unknown][] = [
    [{}, {}, [1, 4096, 0]],
    [{}, { cpu: 4, memory: 100, gpu: 1 }, [4, 100, 1]],
    [{ cpu: 0.25, memory: 300 }, {}, [0.25, 300, 0]],
    [{ cpu: 2, memory: 300 }, { cpu: 1, memory: 500 }, [2, 500, 0]],
    [{ cpu: 1, memory: 500, gpu: 2 }, { cpu: 2, memory: 300 }, [2, 500, 2]],
  ];
  for (const [batch, resources, sizes] of cases) {
    const seen = read(batch, { resources });
    assert.deepEqual([sizesOf(seen.batch), seen.told], [sizes, []]);
  }
});

test("what a container is given is kept as it was written", () => {
  const options = {
    jobRole: "arn:aws:iam::123456789012:role/data",
    executionRole: "pull",
    platform: "ec2",
    slots: batchSlotsMax,
    sharedMemory: 64,
    tmpfs: { "/scratch": 512 },
    maxSwap: 0,
    swappiness: 100,
    env: { MODE: "x" },
    tags: { team: "a b@c", "cost-centre": "" },
  };
  const { batch, told } = read({ ...options, queue: "gpu", image: "node:24", memory: 100 });
  assert.deepEqual(told, []);
  assert.deepEqual([batch?.queue, batch?.image, batch?.options], ["gpu", "node:24", options]);
  assert.deepEqual(read({ ephemeralStorage: 200 }).batch?.options, { ephemeralStorage: 200 });
});

test("an option that cannot be one is told, and left out", () => {
  const many = (count: number): Options => Object.fromEntries(Array.from({ length: count }, (_, index) => [`/n${index}`, 1]));
  const texts = (count: number): Options => Object.fromEntries(Array.from({ length: count }, (_, index) => [`n${index}`, "1"]));
  const wrong: readonly Options[] = [
    { jobRole: "" },
    { executionRole: 3 },
    { platform: "lambda" },
    { slots: 0 },
    { slots: batchSlotsMax + 1 },
    { slots: 1.5 },
    { sharedMemory: 0 },
    { sharedMemory: memoryMiBMax + 1 },
    { maxSwap: -1 },
    { swappiness: 101 },
    { ephemeralStorage: 20 },
    { ephemeralStorage: 201 },
    { tmpfs: ["/a"] },
    { tmpfs: { a: 1 } },
    { tmpfs: { "/a": 0 } },
    { tmpfs: { "/a:b": 1 } },
    { tmpfs: many(tmpfsMax + 1) },
    { tags: texts(batchTagsMax + 1) },
    { tags: { "aws:x": "1" } },
    { tags: { "Stepwell:x": "1" } },
    { tags: { a: 1 } },
    { tags: null },
    { tags: { a: "x".repeat(257) } },
    { env: { "A-B": "1" } },
    { env: { AWS_BATCH_JOB_ID: "1" } },
    { env: { STEPWELL_TOKEN: "1" } },
    { env: { A: 1 } },
    { env: { A: "\0" } },
  ];
  for (const options of wrong) {
    const { batch, told } = read(options);
    assert.deepEqual([told.length, batch?.options], [1, {}], JSON.stringify(options));
  }
  for (const options of [{ tmpfs: many(tmpfsMax) }, { tags: texts(batchTagsMax) }]) {
    const { batch, told } = read(options);
    assert.deepEqual([told, batch?.options], [[], options]);
  }
});

test("options that exclude each other are told", () => {
  const cases: readonly [options: Options, told: string][] = [
    [{ platform: "fargate", gpu: 1 }, '@batch: Fargate has no gpu; leave gpu out, or give platform: "ec2"'],
    [{ platform: "fargate", tmpfs: { "/a": 1 } }, '@batch: Fargate has no tmpfs; leave tmpfs out, or give platform: "ec2"'],
    [
      { platform: "ec2", ephemeralStorage: 30 },
      '@batch: ephemeralStorage is for Fargate alone, but there is platform: "ec2" too; leave one of them out',
    ],
    [
      { sharedMemory: 64, ephemeralStorage: 30 },
      "@batch: ephemeralStorage is for Fargate alone, but there is sharedMemory, which Fargate lacks, too; leave one of them out",
    ],
  ];
  for (const [options, told] of cases) assert.deepEqual(read(options).told, [told]);
});

test("sizes that no container has are refused, those of attempts that ran out of memory too", () => {
  assert.deepEqual(read({ platform: "fargate", cpu: 33 }).told, [
    '@batch: no container of Batch holds cpu 33, memory 4096: Fargate has at most 32 vCPUs, and 249856 MiB with 128 of them for the worker; ask for less, or give platform: "ec2"',
  ]);
  assert.deepEqual(read({ gpu: 17 }).told.length, 1);
  const raised = (memoryMax: number): unknown =>
    read({ platform: "fargate", cpu: 32 }, { resources: { memory: 1000, memoryMax } }).told.length;
  assert.deepEqual([raised(249_728), raised(249_729)], [0, 1]);
});

test("a step on Fargate may take fourteen days", () => {
  const told = (hours: number): unknown => read({ platform: "fargate" }, { timeout: { hours } }).told;
  assert.deepEqual(told(336), []);
  assert.deepEqual(told(336.5), [
    '@batch: no task on Fargate lives as long as @timeout allows, 1211400 seconds; give @timeout at most 336 hours, or platform: "ec2"',
  ]);
  assert.deepEqual(read({ platform: "ec2" }, { timeout: { hours: 336.5 } }).told, []);
});
