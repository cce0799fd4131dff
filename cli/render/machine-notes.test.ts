import assert from "node:assert/strict";
import { test } from "node:test";
import type { FlowGraph, StepPolicy } from "../../proto/graph.ts";
import { linear } from "../../test/coordinator/graphs.ts";
import { clusterNotes, machineNotes } from "./machine-notes.ts";

const machine = { cpu: 4, memoryMiB: 8192, gpu: 1, labels: { zone: "eu" }, pool: "default" };
const none = { cpu: null, memoryMiB: null, gpu: 0 };

function notes(policies: Readonly<Record<string, Partial<StepPolicy>>>): readonly string[] {
  return machineNotes(linear(["start", "train", "end"], policies), machine);
}

void test("nothing is told of a flow that this machine has everything for", () => {
  const resources = { cpu: 4, memoryMiB: 8192, gpu: 1, labels: { zone: "eu" }, pool: "default" };
  assert.deepEqual(notes({ start: { resources } }), []);
});

void test("what this machine lacks is told once, step by step", () => {
  const start = { resources: { cpu: 5, memoryMiB: 8193, gpu: 2, labels: { zone: "us", disk: "ssd" }, pool: "gpu" } };
  assert.deepEqual(notes({ start, train: { resources: { ...none, cpu: 4.5 } } }), [
    "note: start (5 cores, 8193 MiB, 2 GPUs, label zone=us, label disk=ssd, pool gpu), train (4.5 cores) ask for what this machine lacks; without a cluster they run on this machine",
  ]);
  assert.deepEqual(notes({ train: { resources: { ...none, pool: "gpu" } } }), [
    "note: train (pool gpu) asks for what this machine lacks; without a cluster it runs on this machine",
  ]);
});

void test("steps for Batch are told apart, and once", () => {
  const batch = { cpu: 64, memoryMiB: 4096, gpu: 8, queue: null, image: null, options: {} };
  assert.deepEqual(notes({ start: { batch, resources: { ...none, gpu: 8 } } }), [
    "note: start has @batch; without a cluster it runs on this machine",
  ]);
});

void test("in a cluster only steps for Batch are told", () => {
  const batch = { cpu: 64, memoryMiB: 4096, gpu: 8, queue: null, image: null, options: {} };
  const resources = { ...none, cpu: 64 };
  const graph = (policies: Readonly<Record<string, Partial<StepPolicy>>>): FlowGraph => linear(["start", "train", "end"], policies);
  assert.deepEqual(clusterNotes(graph({ start: { resources } })), []);
  assert.deepEqual(clusterNotes(graph({ start: { batch } })), [
    "note: start has @batch; if the coordinator launches no workers, it runs on the cluster's own",
  ]);
  assert.deepEqual(clusterNotes(graph({ start: { batch }, train: { batch } })), [
    "note: start, train have @batch; if the coordinator launches no workers, they run on the cluster's own",
  ]);
});
