import assert from "node:assert/strict";
import { test } from "node:test";
import { node } from "../../test/coordinator/graphs.ts";
import { fits, needsOfStep, timesIn } from "./needs.ts";

void test("fractions of cores fill a worker to the last one, and no further", () => {
  const needs = needsOfStep(node("work", { kind: "end" }, { policy: { resources: { cpu: 0.1, memoryMiB: null, gpu: 0 } } }));
  const total = { slots: 100, cpu: 1, memoryMiB: 100, gpu: 0 };
  assert.equal(timesIn(total, needs), 10);
  const free = { cpu: 1, memoryMiB: 100, gpu: 0 };
  let count = 0;
  for (; fits(free, needs); count += 1) free.cpu -= 0.1;
  assert.equal(count, 10);
});

void test("what asks for nothing fits also where less than nothing is left", () => {
  assert.ok(fits({ cpu: -1, memoryMiB: -1, gpu: -1 }, needsOfStep(node("work", { kind: "end" }))));
});

void test("equal needs have one key, in whatever order their labels are written", () => {
  const key = (labels: Record<string, string>): string =>
    needsOfStep(node("work", { kind: "end" }, { policy: { resources: { cpu: null, memoryMiB: null, gpu: 0, labels } } })).key;
  assert.equal(key({ a: "1", b: "2" }), key({ b: "2", a: "1" }));
  assert.notEqual(key({ a: "1" }), key({ a: "2" }));
});
