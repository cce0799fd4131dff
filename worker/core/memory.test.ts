import assert from "node:assert/strict";
import { test } from "node:test";
import { excessMiB, processMiB, watchedMemory } from "./memory.ts";

test("an attempt may hold what it asked for and not more", () => {
  const watch = watchedMemory(512, 60);
  assert.equal(excessMiB(watch, 512), null);
  assert.equal(excessMiB(watch, 513), 513);
});

test("what a warm process held before is not the attempt's", () => {
  const watch = watchedMemory(512, 900);
  assert.equal(excessMiB(watch, 900 - processMiB + 512), null);
  assert.equal(excessMiB(watch, 900 - processMiB + 600), 600);
});

test("an attempt that asks for less than a process holds anyhow is not ended for it", () => {
  const watch = watchedMemory(16, 60);
  assert.equal(excessMiB(watch, processMiB), null);
  assert.equal(watch.limitMiB, processMiB);
});
