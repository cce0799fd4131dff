// Several commands on one folder at once, and foreach at the counts where such things break.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { RunDocument } from "./run-document.ts";
import { flowWith } from "./step-flow.ts";
import { Place, until } from "./started.ts";
import { checkCounts, wideFlow } from "./wide-flow.ts";

const options = { timeout: 300_000 };

void test("eight runs started at once in a new folder all succeed, each under a number of its own", options, async () => {
  using place = new Place();
  place.write("flow.ts", wideFlow);
  const started = Array.from({ length: 8 }, () => place.start("run", "flow.ts", "--n", "8", "--max-workers", "2", "--json"));
  const ran = await Promise.all(started.map((one) => one.ended));
  for (const { code, stderr } of ran) assert.equal(code, 0, stderr);
  const documents = ran.map(({ stdout }) => JSON.parse(stdout) as RunDocument);
  assert.deepEqual(
    documents.map(({ run }) => run).sort(),
    Array.from({ length: 8 }, (_, index) => `WideFlow/${index + 1}`),
  );
  for (const { run, tasks } of documents) {
    assert.equal(tasks.succeeded, 11);
    assert.equal((await place.run("get", `${run}/end/0/sum`)).stdout, "140\n");
  }
  await place.assertNothingLeft();
});

void test("of two that take up a run at once one drives it, and nothing runs twice", options, async () => {
  using place = new Place();
  place.write("flow.ts", flowWith({ work: `tell("work"); while (!told().includes("go")) await pause(10);` }));
  const first = place.start("run", "flow.ts");
  await until("the step", () => place.lines("told").length === 1);
  first.kill("SIGKILL");
  await first.ended;
  const both = [0, 1].map(() => place.start("resume", "--in-place", "ChaosFlow/1", "--json"));
  await until("the step again", () => place.lines("told").length === 2);
  await place.reading(async ({ control }) => {
    const { items } = await control.runs({ namespace: null, limit: 10 });
    assert.equal(items.length, 1);
  });
  place.write("told", "work\nwork\ngo\n");
  const ended = await Promise.all(both.map((one) => one.ended));
  assert.ok(ended.some(({ code }) => code === 0));
  for (const { code, stdout } of ended) {
    if (code === 0) assert.equal((JSON.parse(stdout) as RunDocument).status, "succeeded");
    else assert.match(stdout, /ChaosFlow\/1 has succeeded: there is nothing to retry/); // It came when all was done.
  }
  assert.deepEqual(place.lines("told"), ["work", "work", "go", "end"]);
  await place.assertNothingLeft();
});

void test("a foreach over 0, 1 and around 10 and 100 elements joins them all in order", options, async () => {
  using place = new Place();
  await checkCounts(place, [0, 1, 9, 10, 11, 99, 100, 101]);
});
