// Shapes and their containers: keys, the sizes of Fargate, rounding, and what rounding leaves over.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  agentMiB,
  batchSlotsMax,
  type Container,
  containerFor,
  ec2GpuMax,
  ec2VcpuMax,
  fargateSizes,
  roomOf,
  roundingNote,
} from "./container.ts";
import type { BatchOptions, BatchPlacement } from "./graph.ts";
import { shapeKey, shapeOf, type Shape } from "./shape.ts";

function shapeWith(placement: Partial<BatchPlacement>, options: BatchOptions = {}): Shape {
  const whole = { cpu: 1, memoryMiB: 1000, gpu: 0, queue: null, image: null, options, ...placement };
  return shapeOf(whole, { memoryMiB: whole.memoryMiB, capacity: "spot" });
}

function sizeOf(shape: Shape): Container {
  const fitting = containerFor(shape, "fargate");
  assert.equal(fitting.kind, "fits");
  return fitting.container;
}

test("Fargate has the sizes that AWS documents", () => {
  const ends = fargateSizes.map(({ vcpu, memoriesMiB }) => [vcpu, memoriesMiB[0], memoriesMiB.at(-1), memoriesMiB.length]);
  assert.deepEqual(ends, [
    [0.25, 512, 2048, 3],
    [0.5, 1024, 4096, 4],
    [1, 2048, 8192, 7],
    [2, 4096, 16_384, 13],
    [4, 8192, 30_720, 23],
    [8, 16_384, 61_440, 12],
    [16, 32_768, 122_880, 12],
    [32, 61_440, 249_856, 3],
  ]);
});

test("a container holds its tasks and the worker, and no smaller one of Fargate does", () => {
  const sizes = { cpu: fc.double({ min: 0.01, max: 40, noNaN: true }), memoryMiB: fc.integer({ min: 16, max: 300_000 }) };
  const slots = fc.integer({ min: 1, max: 16 });
  fc.assert(
    fc.property(fc.record(sizes), slots, (asked, count) => {
      const fitting = containerFor(shapeWith(asked, { slots: count, platform: "fargate" }), "fargate");
      const enough = (vcpu: number, memoryMiB: number): boolean =>
        vcpu >= asked.cpu * count && memoryMiB >= asked.memoryMiB * count + agentMiB;
      const valid = fargateSizes.flatMap(({ vcpu, memoriesMiB }) => memoriesMiB.map((memoryMiB) => ({ vcpu, memoryMiB })));
      const [smallest] = valid.filter(({ vcpu, memoryMiB }) => enough(vcpu, memoryMiB));
      if (fitting.kind === "impossible") return assert.equal(smallest, undefined);
      const { vcpu, memoryMiB, slots: holds } = fitting.container;
      assert.deepEqual({ vcpu, memoryMiB }, smallest);
      const room = roomOf(fitting.container);
      assert.ok(holds >= count && holds * asked.memoryMiB <= room.memoryMiB && holds * asked.cpu <= room.cpu + 1e-4);
      const oneMore = holds + 1;
      assert.ok(holds === batchSlotsMax || oneMore * asked.memoryMiB > room.memoryMiB || oneMore * asked.cpu > room.cpu);
    }),
  );
});

test("what rounding leaves over is room for more tasks", () => {
  assert.equal(sizeOf(shapeWith({ cpu: 3, memoryMiB: 500 })).slots, 1);
  assert.equal(sizeOf(shapeWith({ cpu: 0.1, memoryMiB: 100 })).slots, 2);
  assert.equal(sizeOf(shapeWith({ cpu: 0.01, memoryMiB: 16 }, { slots: batchSlotsMax })).slots, batchSlotsMax);
});

test("what Fargate lacks runs on EC2, in whole vCPUs", () => {
  assert.deepEqual(sizeOf(shapeWith({ cpu: 40 })), { platform: "ec2", vcpu: 40, memoryMiB: 1128, gpu: 0, slots: 1 });
  assert.deepEqual(sizeOf(shapeWith({ gpu: 1, cpu: 1.5 })), { platform: "ec2", vcpu: 2, memoryMiB: 1128, gpu: 1, slots: 1 });
  assert.equal(sizeOf(shapeWith({ gpu: 1 }, { slots: 4 })).gpu, 4);
  for (const options of [{ sharedMemory: 1 }, { tmpfs: { "/a": 1 } }, { maxSwap: 1 }, { swappiness: 1 }]) {
    assert.equal(sizeOf(shapeWith({}, options)).platform, "ec2");
  }
});

test("where a shape names no platform, the coordinator's is taken", () => {
  const fitting = containerFor(shapeWith({ cpu: 0.5 }), "ec2");
  assert.deepEqual(fitting, { kind: "fits", container: { platform: "ec2", vcpu: 1, memoryMiB: 1128, gpu: 0, slots: 1 } });
  assert.equal(containerFor(shapeWith({}, { ephemeralStorage: 30 }), "ec2").kind, "fits");
});

test("what no machine has is impossible", () => {
  const kindOf = (placement: Partial<BatchPlacement>, slots = 1): string => containerFor(shapeWith(placement, { slots }), "fargate").kind;
  assert.deepEqual([kindOf({ cpu: ec2VcpuMax }), kindOf({ cpu: ec2VcpuMax + 1 })], ["fits", "impossible"]);
  assert.deepEqual([kindOf({ gpu: 1 }, ec2GpuMax), kindOf({ gpu: 1 }, ec2GpuMax + 1)], ["fits", "impossible"]);
});

test("rounding is explained, with what would be cheaper where the worker's own memory is the cause", () => {
  const note = (placement: Partial<BatchPlacement>, options: BatchOptions = {}): string | null => {
    const shape = shapeWith(placement, options);
    return roundingNote(shape, sizeOf(shape));
  };
  assert.equal(
    note({ cpu: 3, memoryMiB: 500 }),
    "cpu 3, memory 500, and 128 MiB for the worker, take 4 vCPU and 8192 MiB (the smallest that Fargate has)",
  );
  assert.equal(
    note({ cpu: 1, memoryMiB: 8192 }),
    "cpu 1, memory 8192, and 128 MiB for the worker, take 2 vCPU and 9216 MiB (the smallest that Fargate has); memory 8064 would take 1 vCPU and 8192 MiB",
  );
  assert.match(note({ cpu: 0.1, memoryMiB: 100 }) ?? "", /; it runs 2 tasks at the same time$/);
  assert.equal(note({ cpu: 1, memoryMiB: 8064 }), null);
  assert.equal(note({ cpu: 2, gpu: 1 }), null);
  assert.match(note({ cpu: 1.5, gpu: 1 }) ?? "", /EC2 gives whole vCPUs/);
});

test("equal shapes have equal keys, others differ, whatever the order in which options stand", () => {
  const one = shapeWith({ cpu: 0.25 }, { env: { A: "1", B: "2" }, jobRole: "r" });
  assert.equal(shapeKey(one), shapeKey(shapeWith({ cpu: 0.25 }, { jobRole: "r", env: { B: "2", A: "1" } })));
  const others = [
    shapeWith({ cpu: 0.25 }, { env: { A: "1", B: "3" }, jobRole: "r" }),
    shapeWith({ cpu: 0.25 }, { env: { A: "1", B: "2" } }),
    shapeWith({ cpu: 0.25, image: "x" }, { env: { A: "1", B: "2" }, jobRole: "r" }),
    shapeWith({ cpu: 0.2500001 }, { env: { A: "1", B: "2" }, jobRole: "r" }),
    { ...one, capacity: "onDemand" as const },
  ];
  assert.equal(new Set([one, ...others].map(shapeKey)).size, 1 + others.length);
});

test("keys are the same for ever", () => {
  assert.equal(shapeKey(shapeWith({ cpu: 3, memoryMiB: 500 })), "3cpu-500mib-spot-d9949ef15756d31c");
});

test("a key fits into a label of a worker, however odd the sizes are", () => {
  const key = shapeKey(shapeWith({ cpu: 4095.123_456_789, memoryMiB: 16_777_216, gpu: 1024 }, { platform: "ec2" }));
  assert.match(key, /^[A-Za-z0-9][A-Za-z0-9._/-]{0,62}$/);
});
