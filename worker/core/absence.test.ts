import assert from "node:assert/strict";
import { test } from "node:test";
import { tell, type Told } from "./absence.ts";

const reason = "nothing listens there";

test("a coordinator that stays away is told of less and less often, and at least every ten minutes or so", () => {
  let told: Told | null = null;
  const seconds: number[] = [];
  for (let atMs = 0; atMs < 3_600_000; atMs += 5000) {
    const now: Told | null = tell(told, { reason, worrying: true, atMs });
    if (now === null) continue;
    seconds.push(atMs / 1000);
    told = now;
  }
  assert.deepEqual(seconds, [0, 10, 30, 70, 150, 310, 630, 1230, 1830, 2430, 3030]);
});

test("another reason, and the first try that worries, are told at once; a connection makes all be told anew", () => {
  const quiet = tell(null, { reason, worrying: false, atMs: 0 });
  assert.ok(quiet !== null);
  assert.equal(tell(quiet, { reason, worrying: false, atMs: 500 }), null);
  const worried = tell(quiet, { reason, worrying: true, atMs: 1000 });
  assert.ok(worried !== null);
  assert.equal(tell(worried, { reason, worrying: true, atMs: 1001 }), null);
  assert.ok(tell(worried, { reason: "it speaks TLS only", worrying: true, atMs: 1001 }) !== null);
  assert.ok(tell(null, { reason, worrying: true, atMs: 1001 }) !== null);
});
