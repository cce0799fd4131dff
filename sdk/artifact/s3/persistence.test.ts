import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { persist, Tries, type Pacing } from "./persistence.ts";
import { RequestFailure, type FailureReason } from "./request-failure.ts";

function pacing(giveUpMs: number): Pacing & { readonly waits: number[] } {
  const waits: number[] = [];
  let nowMs = 0;
  return {
    giveUpMs,
    waitMsMin: 100,
    waitMsMax: 1000,
    waits,
    sleep: async (ms) => {
      waits.push(ms);
      nowMs += ms;
    },
    nowMs: () => nowMs,
    random: () => 1,
  };
}

const failing = (reason: FailureReason): RequestFailure => new RequestFailure(reason, reason);

async function triesOf(error: Error, giveUpMs = 5000): Promise<number> {
  let tries = 0;
  await assert.rejects(
    persist(pacing(giveUpMs), async () => {
      tries += 1;
      throw error;
    }),
    error,
  );
  return tries;
}

describe("a request that fails", () => {
  test("is tried again as often as its reason is worth", async () => {
    const tries: Partial<Record<FailureReason, number>> = {};
    for (const reason of ["denied", "noBucket", "wrongKey", "full", "refused", "skewed", "expired", "damaged"] as const) {
      tries[reason] = await triesOf(failing(reason));
    }
    assert.deepEqual(tries, { denied: 1, noBucket: 1, wrongKey: 1, full: 1, refused: 1, skewed: 2, expired: 2, damaged: 4 });
    assert.equal(await triesOf(new TypeError("a bug")), 1);
  });

  test("is tried for a time where only time helps, with waits that double up to a bound", async () => {
    const pace = pacing(5000);
    await assert.rejects(persist(pace, () => Promise.reject(failing("busy"))));
    assert.deepEqual(pace.waits, [100, 200, 400, 800, 1000, 1000, 1000]);
  });

  test("is tried anew once there is progress", async () => {
    const pace = pacing(1000);
    const tries = new Tries(pace);
    for (let round = 0; round < 10; round += 1) {
      await tries.after(failing("unreachable"));
      await tries.after(failing("unreachable"));
      tries.progress();
    }
    assert.deepEqual(new Set(pace.waits), new Set([100, 200]));
    await assert.rejects(async () => {
      for (;;) await tries.after(failing("unreachable"));
    });
  });
});
