import assert from "node:assert/strict";
import { test } from "node:test";
import { nextRetryMs, retryMsMax } from "./reconnect.ts";

test("waits before another stream double from 0.2 s up to 5 s, and each is spread over half of itself", () => {
  const waits = [0, 1, 2, 3, 4, 5, 1000].map((failedTries) => [0, 1].map((draw) => nextRetryMs({ failedTries, wasWelcomed: true, draw })));
  assert.deepEqual(waits, [
    [200, 400],
    [400, 800],
    [800, 1600],
    [1600, 3200],
    [2500, retryMsMax],
    [2500, retryMsMax],
    [2500, retryMsMax],
  ]);
});

test("a worker that was never welcomed comes back sooner: its coordinator may be about to begin", () => {
  assert.equal(nextRetryMs({ failedTries: 0, wasWelcomed: false, draw: 0 }), 10);
});
