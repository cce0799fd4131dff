// Asking again: how often, how long after, and for what.

import assert from "node:assert/strict";
import { test } from "node:test";
import { LauncherError } from "../../ports/launcher.ts";
import { type Patience, patiently } from "./patience.ts";

function answering(status: number): Error {
  return Object.assign(new Error("no"), { name: "X", $metadata: { httpStatusCode: status } });
}

function calls(statuses: readonly number[], random = 1): { result: Promise<string>; waits: readonly number[] } {
  const rest = [...statuses];
  const waits: number[] = [];
  const patience: Patience = {
    firstWaitMs: 100,
    waitMsMax: 300,
    tries: 5,
    random: () => random,
    wait: (ms) => {
      waits.push(ms);
      return Promise.resolve();
    },
  };
  const call = (): Promise<string> => {
    const status = rest.shift();
    return status === undefined ? Promise.resolve("done") : Promise.reject(answering(status));
  };
  return { result: patiently(call, patience), waits };
}

test("waits double up to the longest, and a random part of each is waited", async () => {
  const full = calls([429, 500, 503, 429]);
  assert.equal(await full.result, "done");
  assert.deepEqual(full.waits, [100, 200, 300, 300]);
  const half = calls([429, 500], 0.5);
  assert.equal(await half.result, "done");
  assert.deepEqual(half.waits, [50, 100]);
});

test("after the last try the error says whether it was throttled or not to be had", async () => {
  const isKind = (kind: LauncherError["kind"]) => (error: unknown) => error instanceof LauncherError && error.kind === kind;
  await assert.rejects(calls([429, 429, 429, 429, 429]).result, isKind("throttled"));
  await assert.rejects(calls([500, 500, 500, 500, 500]).result, isKind("unavailable"));
});

test("what is refused is asked once", async () => {
  const { result, waits } = calls([403]);
  await assert.rejects(result, (error) => error instanceof LauncherError && error.kind === "refused");
  assert.deepEqual(waits, []);
});
