// Pauses longer than a lease, and wide foreach at the counts where pages end.

import assert from "node:assert/strict";
import { test } from "node:test";
import { flowWith } from "../chaos/step-flow.ts";
import { pause, Place, until } from "../chaos/started.ts";
import { checkCounts } from "../chaos/wide-flow.ts";

const options = { timeout: 600_000 };
/** A worker that is silent for ten seconds has lost its tasks. */
const beyondLeaseMs = 12_000;

void test("a step that blocks its event loop for longer than a lease keeps it", options, async () => {
  using place = new Place();
  place.write("flow.ts", flowWith({ work: `tell("work"); for (const end = Date.now() + ${beyondLeaseMs}; Date.now() < end; );` }));
  assert.equal((await place.document("run", "flow.ts")).status, "succeeded");
  assert.deepEqual(place.lines("told"), ["work", "end"]);
  await place.assertNothingLeft();
});

void test("a command that is stopped for longer than a lease goes on when it is continued", options, async () => {
  using place = new Place();
  place.write("flow.ts", flowWith({ work: `tell("work"); while (!told().includes("go")) await pause(20); tell("worked");` }));
  const started = place.start("run", "flow.ts", "--json");
  await until("the step", () => place.lines("told").length === 1);
  started.kill("SIGSTOP");
  await pause(beyondLeaseMs);
  started.kill("SIGCONT");
  await pause(2000);
  place.write("told", "work\ngo\n");
  const ran = await started.ended;
  assert.equal(ran.code, 0, ran.stderr);
  const accepted = await place.reading(async ({ control }) => {
    const run = (await control.runs({ namespace: null, limit: 1 })).items[0]!.run;
    return (await control.tasks(run, { limit: 10 })).items.map(
      (task) => task.attempts.filter(({ outcome }) => outcome === "succeeded").length,
    );
  });
  assert.deepEqual(accepted, [1, 1, 1]);
  assert.equal(place.lines("told").at(-1), "end");
  await place.assertNothingLeft();
});

void test("a foreach around 1,000 elements joins them all in order", options, async () => {
  using place = new Place();
  await checkCounts(place, [999, 1000, 1001, 1024]);
});
