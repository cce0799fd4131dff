import assert from "node:assert/strict";
import { test } from "node:test";
import { loadMeter } from "./machine-load.ts";

test("the load of a machine is a share of its processors, and memory within what it has", () => {
  const load = loadMeter();
  const untilMs = performance.now() + 60;
  while (performance.now() < untilMs);
  const { cpuShare, usedMiB, totalMiB } = load();
  assert.ok(cpuShare > 0 && cpuShare <= 1, String(cpuShare));
  assert.ok(usedMiB > 0 && usedMiB <= totalMiB, `${usedMiB} of ${totalMiB}`);
  // Asked again at once, no time has passed that could be shared.
  assert.ok(load().cpuShare >= 0);
});
