// The border against so many damaged messages that rare combinations come up. SEED=N says the same again.

import assert from "node:assert/strict";
import { test } from "node:test";
import { fuzz } from "../security/fuzz.ts";

const rounds = 4;

void test("100,000 damaged messages end their own streams and nothing else", { timeout: 900_000 }, async (context) => {
  const first = Number(process.env["SEED"] ?? Math.floor(Math.random() * 2 ** 30));
  for (let round = 0; round < rounds; round += 1) {
    const seed = first + round;
    context.diagnostic(`SEED=${seed}`);
    const report = await fuzz(context, { seed, workerMessages: 15_000, requests: 12_000, connections: 300 });
    context.diagnostic(JSON.stringify(report));
    assert.ok(report.runsFinished > 0);
  }
});
