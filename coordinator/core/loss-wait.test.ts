import assert from "node:assert/strict";
import { test } from "node:test";
import { lossWaitMs } from "./loss-wait.ts";

test("the first loss waits for nothing, each further one about twice as long, and none much longer than half a minute", () => {
  const seconds = [0, 1, 2, 4, 8, 16, 30, 30];
  for (const [earlier, about] of [...seconds, 30].entries()) {
    const waitMs = lossWaitMs(`F/1/work/${earlier}/3`, earlier);
    assert.ok(waitMs >= about * 750 && waitMs <= about * 1250, `${earlier}: ${waitMs}`);
  }
  assert.ok(lossWaitMs("F/1/work/0/1000", 1000) <= 37_500);
});

test("the same attempt waits equally long whenever it is asked, and neighbours do not wake up together", () => {
  const waits = Array.from({ length: 100 }, (_, i) => lossWaitMs(`F/1/work/${i}/1`, 1));
  assert.deepEqual(
    waits,
    Array.from({ length: 100 }, (_, i) => lossWaitMs(`F/1/work/${i}/1`, 1)),
  );
  const tenths = new Set(waits.map((waitMs) => Math.floor((waitMs - 750) / 50)));
  assert.equal(tenths.size, 10, "every tenth of the span is met");
});
