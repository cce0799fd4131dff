// Ctrl-C, SIGTERM, and cancelling from another terminal.

import assert from "node:assert/strict";
import { test } from "node:test";
import { parseRunId } from "../../proto/ids.ts";
import type { RunDocument } from "./run-document.ts";
import { flowWith } from "./step-flow.ts";
import { isAlive, pause, Place, until } from "./started.ts";

const options = { timeout: 300_000 };
/** Waits for its abort signal and says that it came. */
const polite = `
  current.signal.addEventListener("abort", () => tell("aborted"));
  tell(process.pid);
  await new Promise((resolve) => current.signal.addEventListener("abort", resolve));
  tell("tidied");`;
/** Ends by nothing but a kill. */
const deaf = `process.on("SIGTERM", () => undefined); tell(process.pid); for (;;);`;

for (const [signal, code, cause] of [
  ["SIGINT", 130, "Ctrl-C"],
  ["SIGTERM", 143, "SIGTERM"],
  ["SIGHUP", 129, "SIGHUP"],
] as const) {
  void test(`${signal} cancels in an orderly way and ends with ${code}`, options, async () => {
    using place = new Place();
    place.write("flow.ts", flowWith({ work: polite }));
    const started = place.start("run", "flow.ts");
    await until("the step", () => place.lines("told").length === 1);
    started.kill(signal);
    const ran = await started.ended;
    assert.equal(ran.code, code, ran.stderr);
    assert.match(ran.stdout, /ChaosFlow\/1 cancelled/);
    assert.deepEqual(place.lines("told").slice(1), ["aborted", "tidied"]);
    const status = await place.document("status", "ChaosFlow/1");
    assert.equal(status.status, "cancelled");
    await place.reading(async ({ control }) => {
      const { items } = await control.tasks((await control.runs({ namespace: null, limit: 1 })).items[0]!.run, { limit: 10 });
      const failure = items.find((task) => task.step === "work")?.attempts.at(-1)?.failure;
      assert.deepEqual(failure, { kind: "cancelled", by: `${cause} of tester` });
    });
    await place.assertNothingLeft();
  });
}

void test("a second Ctrl-C kills now, and the run can be taken up again", options, async () => {
  using place = new Place();
  place.write("flow.ts", flowWith({ work: `if (told() === "") { ${deaf} }` }));
  const started = place.start("run", "flow.ts");
  await until("the step", () => place.lines("told").length === 1);
  const pid = Number(place.lines("told")[0]);
  started.kill("SIGINT");
  await until("the first to be taken", () => started.said().includes("cancelling"));
  started.kill("SIGINT");
  const ran = await started.ended;
  assert.equal(ran.code, 130, ran.stderr);
  assert.ok(!isAlive(pid));
  await place.assertNothingLeft();
  const again = await place.run("resume", "--in-place", "ChaosFlow/1");
  assert.deepEqual([again.code, again.stderr], [0, ""]);
  await place.assertNothingLeft();
});

for (const [what, work] of [
  ["that listens", polite],
  ["that blocks its event loop", deaf],
  ["that is stopped", `tell(process.pid); process.kill(process.pid, "SIGSTOP"); await pause(1e6);`],
] as const) {
  void test(`cancel from another terminal ends a step ${what}`, options, async () => {
    using place = new Place();
    place.write("flow.ts", flowWith({ work }));
    const started = place.start("run", "flow.ts", "--json");
    await until("the step", () => place.lines("told").length === 1);
    const cancel = await place.run("cancel", "latest");
    assert.equal(cancel.code, 0, cancel.stderr);
    const ran = await started.ended;
    assert.equal(ran.code, 1, ran.stderr);
    assert.equal((JSON.parse(ran.stdout) as { status: string }).status, "cancelled");
    assert.ok(!isAlive(Number(place.lines("told")[0])));
    await place.assertNothingLeft();
  });
}

void test("a cancel that races the end of the run is refused or obeyed, and the run ends as it said", options, async () => {
  using place = new Place();
  place.write("flow.ts", flowWith({ work: `await pause(5);` }));
  await place.reading(async ({ control }) => {
    for (let round = 1; round <= 24; round += 1) {
      const run = parseRunId(`ChaosFlow/${round}`);
      const started = place.start("run", "flow.ts", "--json");
      await until("the run", async () => (await control.runs({ namespace: null, limit: 1 })).items[0]?.run === run);
      await pause((round % 12) * 15);
      const obeyed = await control.cancel(run, { by: "tester" }).then(() => true, refusalOf);
      const ran = await started.ended;
      const { status } = JSON.parse(ran.stdout) as RunDocument;
      assert.ok(
        status === "cancelled" ? obeyed : status === "succeeded",
        `${status} after a cancel that was ${obeyed ? "obeyed" : "refused"}`,
      );
      assert.equal(ran.code, status === "succeeded" ? 0 : 1, ran.stderr);
      assert.equal((await control.run(run)).status, status);
    }
  });
  await place.assertNothingLeft();
});

function refusalOf(error: unknown): false {
  assert.ok(error instanceof Error);
  assert.match(error.message, /has ended already/);
  return false;
}

const siblings = `
import { appendFileSync, existsSync } from "node:fs";
import { FlowSpec, current, step } from "stepwell";
export class SiblingsFlow extends FlowSpec {
  declare items: number[];
  @step start() {
    this.items = [0, 1, 2];
    return this.next(this.work, { foreach: "items" });
  }
  @step async work(item: number) {
    appendFileSync(process.env["PLACE"] + "/told", "began " + item + "\\n");
    if (item === 0) {
      while (!existsSync(process.env["PLACE"] + "/fail")) await new Promise((resolve) => setTimeout(resolve, 10));
      throw new Error("the first fails");
    }
    while (!existsSync(process.env["PLACE"] + "/go") && !current.signal.aborted) await new Promise((resolve) => setTimeout(resolve, 10));
    if (!current.signal.aborted) appendFileSync(process.env["PLACE"] + "/told", "ended " + item + "\\n");
    return this.next(this.join);
  }
  @step join(inputs: unknown) {
    return this.next(this.end);
  }
  @step end() {}
}
`;

void test("siblings of a task that failed finish by default", options, async () => {
  using place = new Place();
  place.write("flow.ts", siblings);
  const started = place.start("run", "flow.ts", "--max-workers", "3", "--json");
  await until("all three", () => place.lines("told").length === 3);
  place.write("fail", "");
  await until("the failure", () => started.said().includes("the first fails"));
  place.write("go", "");
  const ran = await started.ended;
  assert.equal(ran.code, 1);
  const { status, tasks } = JSON.parse(ran.stdout) as RunDocument;
  assert.deepEqual([status, tasks.succeeded, tasks.failed, tasks.cancelled], ["failed", 3, 1, 0]);
  assert.equal(place.lines("told").length, 5);
  await place.assertNothingLeft();
});

void test("--fail-fast stops the siblings of a task that failed", options, async () => {
  using place = new Place();
  place.write("flow.ts", siblings);
  const started = place.start("run", "flow.ts", "--max-workers", "3", "--fail-fast", "--json");
  await until("all three", () => place.lines("told").length === 3);
  place.write("fail", "");
  const ran = await started.ended;
  assert.equal(ran.code, 1);
  const { status, tasks } = JSON.parse(ran.stdout) as RunDocument;
  assert.deepEqual([status, tasks.succeeded, tasks.failed, tasks.cancelled], ["failed", 1, 1, 2]);
  assert.equal(place.lines("told").length, 3);
  await place.assertNothingLeft();
});
