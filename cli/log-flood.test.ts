import assert from "node:assert/strict";
import { test } from "node:test";
import { Flood, linesMax, windowMs } from "./log-flood.ts";

function flooded() {
  let nowMs = 0;
  const told: (readonly [string, number])[] = [];
  const due: { readonly atMs: number; readonly callback: () => void }[] = [];
  const flood = new Flood({
    nowMs: () => nowMs,
    later: (ms, callback) => void due.push({ atMs: nowMs + ms, callback }),
    tell: (event, lines) => void told.push([event, lines]),
  });
  const pass = (ms: number): void => {
    nowMs += ms;
    for (const one of due.splice(0)) if (one.atMs <= nowMs) one.callback();
  };
  const admitted = (event: string, lines: number): number =>
    Array.from({ length: lines }, () => flood.admits(event)).filter(Boolean).length;
  return { told, pass, admitted };
}

test("as many lines of an event are written as the bound says, and what is beyond is told once", () => {
  const { told, pass, admitted } = flooded();
  assert.equal(admitted("outcome.refused", linesMax), linesMax);
  pass(windowMs);
  assert.deepEqual(told, []);
  assert.equal(admitted("outcome.refused", linesMax + 7), linesMax);
  assert.equal(admitted("worker.lost", 3), 3);
  pass(windowMs);
  assert.deepEqual(told, [["outcome.refused", 7]]);
});

test("after a flood the event is written again, and a steady flood is told in each window", () => {
  const { told, pass, admitted } = flooded();
  for (let window = 0; window < 3; window += 1) {
    assert.equal(admitted("queue.take", linesMax + 1), linesMax);
    pass(windowMs);
  }
  assert.equal(admitted("queue.take", 1), 1);
  assert.deepEqual(
    told,
    Array.from({ length: 3 }, () => ["queue.take", 1]),
  );
});
