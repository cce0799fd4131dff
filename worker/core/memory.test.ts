import assert from "node:assert/strict";
import { test } from "node:test";
import { excessOf, processMiB, takeableMiB, watchedMemory } from "./memory.ts";

test("an attempt in a fresh process may hold what it asked for, the process included, and no more", () => {
  const watch = watchedMemory(512, 60);
  assert.equal(excessOf(watch, 512), null);
  assert.deepEqual(excessOf(watch, 513), { peakMiB: 513, limitMiB: 512 });
});

test("what earlier attempts left in a process is not held against this one", () => {
  const watch = watchedMemory(512, 900);
  assert.equal(excessOf(watch, 900), null);
  assert.deepEqual(excessOf(watch, 900 + 512), { peakMiB: 640, limitMiB: 512 });
});

test("a step that asks for less than a process holds anyhow is not ended for it", () => {
  const watch = watchedMemory(16, 60);
  assert.equal(excessOf(watch, processMiB), null);
  assert.deepEqual(excessOf(watch, processMiB + 1), { peakMiB: processMiB + 1, limitMiB: processMiB });
});

test("a kernel that counts from the start lets an attempt take what it does not hold yet, and a little for itself", () => {
  assert.equal(takeableMiB(watchedMemory(512, 60)), 512 - 60 + 16);
  assert.equal(takeableMiB(watchedMemory(512, 900)), 512 - processMiB + 16, "what earlier attempts left is no part of it");
  assert.equal(takeableMiB(watchedMemory(16, 900)), 16);
});
