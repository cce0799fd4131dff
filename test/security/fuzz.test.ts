import assert from "node:assert/strict";
import { test } from "node:test";
import { fuzz } from "./fuzz.ts";

test("damaged messages and bytes end their own stream and nothing else: runs go on meanwhile", { timeout: 60_000 }, async (context) => {
  const seed = Number(process.env["SEED"] ?? Math.floor(Math.random() * 2 ** 31));
  context.diagnostic(`SEED=${seed}`);
  const plan = { seed, workerMessages: 6000, requests: 4000, connections: 300 };
  const started = performance.now();
  const report = await fuzz(context, plan);
  context.diagnostic(`${JSON.stringify(report)} in ${Math.round(performance.now() - started)} ms`);
  assert.ok(report.runsFinished > 0);
});
