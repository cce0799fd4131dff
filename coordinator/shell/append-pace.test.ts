import assert from "node:assert/strict";
import { test } from "node:test";
import { AppendPace } from "./append-pace.ts";

/** Appends of 1 ms each, `everyMs` after the other's end, with `decisions` in each; returns how long the next would wait. */
function paced(pace: AppendPace, appends: number, { decisions, everyMs }: { decisions: number; everyMs: number }): number {
  for (let count = 0; count < appends; count += 1) {
    const beganMs = nowMs + everyMs;
    nowMs = beganMs + 1;
    pace.ended(decisions, beganMs, nowMs);
  }
  return pace.waitMs(nowMs);
}
let nowMs = 0;

test("the first append leaves at once", () => assert.equal(new AppendPace().waitMs(0), 0));

test("decisions that come together make the next append wait for more, up to a limit", () => {
  const pace = new AppendPace();
  assert.equal(paced(pace, 1, { decisions: 2, everyMs: 0 }), 1);
  assert.equal(paced(pace, 1, { decisions: 3, everyMs: 0 }), 2);
  assert.equal(paced(pace, 20, { decisions: 10, everyMs: 0 }), 8);
});

test("where appends take no time, none waits", () => {
  const pace = new AppendPace();
  for (let append = 0; append < 200; append += 1) pace.ended(append % 3, 0, 0);
  assert.equal(pace.waitMs(0), 0);
});

test("a wait counts from the append before, not from the decision", () => {
  const pace = new AppendPace();
  paced(pace, 20, { decisions: 10, everyMs: 0 });
  assert.equal(pace.waitMs(nowMs + 3), 5);
  assert.equal(pace.waitMs(nowMs + 30), 0);
});

test("where nothing comes while an append waits, the next ones don't wait, but for a probe in many (A1)", () => {
  const pace = new AppendPace();
  let waits = 0;
  for (let step = 0; step < 1000; step += 1) if (paced(pace, 1, { decisions: 1, everyMs: 1 }) > 0) waits += 1;
  assert.ok(waits > 0 && waits < 20, `${waits} of 1000 steps waited`);
});

test("a slow run is never probed", () => {
  const pace = new AppendPace();
  for (let step = 0; step < 100; step += 1) assert.equal(paced(pace, 1, { decisions: 1, everyMs: 10 }), 0);
});
