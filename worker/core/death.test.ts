import assert from "node:assert/strict";
import { test } from "node:test";
import { failureOfDeath, type Death } from "./death.ts";

const gone: Death = {
  code: null,
  signal: null,
  wasReady: true,
  spawnError: null,
  stderrTail: "",
  kernelOutOfMemory: false,
  excess: null,
  peakMiB: 300,
};

test("a process that exits without a report is an exit, whatever its code", () => {
  assert.deepEqual(failureOfDeath({ ...gone, code: 0 }), { kind: "exit", code: 0 });
  assert.deepEqual(failureOfDeath({ ...gone, code: 3 }), { kind: "exit", code: 3 });
});

test("a signal is named", () => {
  assert.deepEqual(failureOfDeath({ ...gone, signal: "SIGSEGV" }), { kind: "signal", signal: "SIGSEGV" });
});

test("SIGKILL is want of memory only where the kernel says so", () => {
  assert.deepEqual(failureOfDeath({ ...gone, signal: "SIGKILL" }), { kind: "signal", signal: "SIGKILL" });
  const failure = failureOfDeath({ ...gone, signal: "SIGKILL", kernelOutOfMemory: true });
  assert.deepEqual(failure, { kind: "outOfMemory", peakMiB: 300, limitMiB: null });
});

test("an exhausted heap is want of memory, not an abort", () => {
  const stderrTail = "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory\n----- Native stack trace -----";
  assert.equal(failureOfDeath({ ...gone, signal: "SIGABRT", stderrTail }).kind, "outOfMemory");
  assert.equal(failureOfDeath({ ...gone, signal: "SIGABRT" }).kind, "signal");
});

test("the peak of an exhausted heap is at least what the engine says of it", () => {
  const stderrTail =
    "Mark-Compact 29.9 (32.0) -> 29.1 (733.5) MB, 1.2\nFATAL ERROR: Ineffective mark-compacts near heap limit Allocation failed";
  assert.deepEqual(failureOfDeath({ ...gone, signal: "SIGABRT", stderrTail }), { kind: "outOfMemory", peakMiB: 734, limitMiB: null });
});

test("a process that never was ready could not be started, and its last words say why", () => {
  const failure = failureOfDeath({ ...gone, code: 1, wasReady: false, stderrTail: "Error: Cannot find module\n" });
  assert.deepEqual(failure, {
    kind: "start",
    message: "the task process ended with code 1 while it was loading: Error: Cannot find module",
  });
});

test("a process that the operating system refused could not be started", () => {
  const failure = failureOfDeath({ ...gone, wasReady: false, spawnError: "spawn EAGAIN" });
  assert.deepEqual(failure, { kind: "start", message: "the task process could not be started: spawn EAGAIN" });
});

test("a process that the kernel ended at the limit of its attempt is out of memory, with the limit that was met", () => {
  const excess = { peakMiB: 272, limitMiB: 256 };
  assert.deepEqual(failureOfDeath({ ...gone, signal: "SIGKILL", kernelOutOfMemory: true, excess }), { kind: "outOfMemory", ...excess });
});
