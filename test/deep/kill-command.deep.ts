// The whole command is killed at many moments; see test/chaos/kill-command.test.ts. SEED=… plays another series.

import assert from "node:assert/strict";
import { test } from "node:test";
import { killUntilDone } from "../chaos/killed-run.ts";
import { Place } from "../chaos/started.ts";

const rounds = 12;
const first = Number(process.env["SEED"] ?? 100);
let killed = 0;

for (let seed = first; seed < first + rounds; seed += 1) {
  void test(`a run killed at moments of seed ${seed} ends right, and nothing accepted runs again`, { timeout: 600_000 }, async () => {
    using place = new Place();
    killed += await killUntilDone(place, { seed, kills: 5 });
  });
}

void test("the command was killed in fact", () => {
  assert.ok(killed >= 20, `${killed} times`);
});
