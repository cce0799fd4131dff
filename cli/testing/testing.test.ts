// The test kit: a whole flow in this process, with other bodies for steps and with time in the test's hand.

import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "node:test";
import { inspect } from "node:util";
import { current } from "../../sdk/flow/current.ts";
import type { FlowClass, FlowSpec, Inputs } from "../../sdk/flow/flow-spec.ts";
import { loadFlow } from "../../test/flow-fixture.ts";
import { ManualClock, testFlow } from "../testing.ts";

/** What TestedFlow declares; its class is loaded when the test runs. */
interface Tested extends FlowSpec {
  factor: number;
  text: string;
  items: number[];
  product: number;
  total: number;
  size: string;
  trouble?: Error;
  facts: Record<string, unknown>;
  finale: string;
  start(): unknown;
  work(item: number): unknown;
  join(inputs: Inputs<Tested>): unknown;
  big(): unknown;
  merge(inputs: Inputs<Tested>): unknown;
  end(): unknown;
}

const flows = await loadFlow(new URL("../../test/flows/tested.flow.ts", import.meta.url).pathname);
const TestedFlow = flows["TestedFlow"] as FlowClass<Tested>;
const never = new Promise<never>(() => undefined);

test("a flow runs to its end, through foreach, join, switch, branch and inherited steps", async () => {
  const run = await testFlow(TestedFlow);
  assert.deepEqual([run.status, run.failure, run.data.total, run.data.finale], ["succeeded", null, 12, "total 12"]);
  assert.deepEqual(run.tasks, ["start/0", "work/0", "work/1", "work/2", "join/0", "split/0", "left/0", "right/0", "merge/0", "end/0"]);
  assert.equal(run.task("work/1").data.product, 4);
  assert.match(run.parameters.text, /"name": "stepwell"/);
  assert.deepEqual(run.task("start/0").data.facts, { run: "TestedFlow/1", tags: [], user: "test", attempt: 0 });
});

test("a flow may be given by the path of its file, without any compiler", async () => {
  const path = new URL("../../test/flows/tested.flow.ts", import.meta.url).pathname;
  const run = await testFlow<Tested>(`${path}:TestedFlow`, {
    steps: {
      work(item) {
        this.product = item;
      },
    },
  });
  assert.deepEqual([run.data.total, run.data.finale], [6, "total 6"]);
  await assert.rejects(testFlow(`${path}:WrongFlow`), /the flow cannot run:\n[^]*tested\.flow\.ts:\d+/);
  const reading = new URL("../../test/flows/reading.flow.ts", import.meta.url).pathname;
  const failed = await testFlow(reading, { parameters: { broken: true } });
  assert.equal(failed.failure?.kind === "userError" && failed.failure.place?.file, "reading.flow.ts", "with the author's own place");
});

test("parameters are given by name, and refused as in a run", async () => {
  assert.equal((await testFlow(TestedFlow, { parameters: { factor: 100, text: "content" }, tags: ["x"] })).tasks.includes("big/0"), true);
  await assert.rejects(testFlow(TestedFlow, { parameters: { factor: "2" as never } }), /TestedFlow cannot run: parameter factor: /);
  await assert.rejects(testFlow(TestedFlow, { parameters: { items: [1] } }), /"items" is no parameter of the flow/);
});

test("a step may have another body, which takes the step's own transition where it returns none", async () => {
  const seen: number[] = [];
  const run = await testFlow(TestedFlow, {
    steps: {
      start() {
        this.items = [10, 20];
      },
      work(item) {
        seen.push(item, this.index);
        this.product = item;
      },
      merge(inputs) {
        this.mergeArtifacts(inputs, { exclude: ["total"] });
        this.total = inputs.length;
      },
    },
  });
  assert.deepEqual([seen, run.data.total], [[10, 0, 20, 1], 2]);
  assert.equal(run.task("join/0").data.total, 30);
  await assert.rejects(
    testFlow(TestedFlow, { steps: { wrok() {} } as never }),
    /TestedFlow has no step "wrok" to override; did you mean "work"\?/,
  );
});

test("another body may take a transition itself, and only one that the graph has", async () => {
  const toBig = await testFlow(TestedFlow, {
    steps: {
      join() {
        this.total = 1;
        this.size = "large";
      },
    },
  });
  assert.equal(toBig.tasks.includes("big/0"), true);
  const wrong = await testFlow(TestedFlow, {
    steps: {
      big() {
        return this.next(this.start as never);
      },
      join() {
        this.size = "large";
      },
    },
  });
  assert.deepEqual([wrong.status, wrong.failure?.kind], ["failed", "badTransition"]);
});

test("retries wait on the test's clock, and nobody waits for them", async () => {
  const clock = new ManualClock(0);
  const run = await testFlow(TestedFlow, {
    clock,
    steps: {
      work(item) {
        if (item === 2 && current.attempt < 2) throw new Error(`no ${current.attempt}`);
        this.product = item;
      },
    },
  });
  const { status, attempts, failure } = run.task("work/1");
  assert.deepEqual([status, failure], ["succeeded", null]);
  assert.deepEqual(
    attempts.map((attempt) => [attempt.startedAtMs, attempt.outcome]),
    [
      [0, "failed"],
      [60_000, "failed"],
      [180_000, "succeeded"],
    ],
  );
  assert.equal(clock.nowMs(), 180_000);
});

test("without a clock the waits take no time, and the times of attempts still show them", async () => {
  const run = await testFlow(TestedFlow, {
    steps: {
      work() {
        if (current.attempt === 0) throw new Error("once");
        this.product = 1;
      },
    },
  });
  const [first, second] = run.task("work/0").attempts;
  assert.ok((second?.startedAtMs ?? 0) - (first?.finishedAtMs ?? 0) >= 60_000);
});

test("a step times out when the clock passes its limit, and is caught", async () => {
  const clock = new ManualClock();
  const signals: boolean[] = [];
  const run = await testFlow(TestedFlow, {
    clock,
    steps: {
      async work(item) {
        this.product = item;
        if (item !== 3) return;
        clock.advance(119_999);
        signals.push(current.signal.aborted);
        clock.advance(1);
        signals.push(current.signal.aborted);
        await never;
      },
    },
  });
  const slow = run.task("work/2");
  assert.deepEqual([slow.status, slow.caught, slow.attempts.length], ["succeeded", true, 3]);
  assert.deepEqual(slow.failure, { kind: "timeout", afterSeconds: 120 });
  assert.match(slow.data.trouble?.message ?? "", /timed out after 120 s/);
  assert.equal(slow.data.product, 3, "what was set before is kept");
  assert.deepEqual(signals.slice(0, 2), [false, true]);
  assert.equal(run.data.total, 3);
});

test("a waiting step times out when the test moves the clock meanwhile", async () => {
  const clock = new ManualClock();
  const entered = [Promise.withResolvers<void>(), Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const running = testFlow(TestedFlow, {
    clock,
    steps: {
      start() {
        this.items = [1];
      },
      async work() {
        entered[current.attempt]?.resolve();
        await never;
      },
    },
  });
  for (const { promise } of entered) {
    await promise;
    clock.advance(120_000);
  }
  assert.equal((await running).task("work/0").attempts.length, 3);
});

test("a failure that nothing catches ends the run, and reading its data says why and where", async () => {
  const run = await testFlow(TestedFlow, {
    steps: {
      join() {
        throw new RangeError("too much");
      },
    },
  });
  assert.deepEqual([run.status, run.failure?.kind, run.task("join/0").status], ["failed", "userError", "failed"]);
  assert.throws(() => run.data, /the run has no result: it failed in join\/0: RangeError: too much\n.*\n.* at .*testing\.test\.ts:\d+/);
  assert.throws(() => run.task("join/0").data, /join\/0 has no artifacts: it is failed: RangeError: too much/);
  assert.throws(() => run.task("wrk/0"), /the run has no task wrk\/0; did you mean work\/0\?/);
  assert.match(inspect(run), /^TestedRun failed in join\/0: RangeError/);
});

test("what cannot be kept fails here as in a run", async () => {
  const run = await testFlow(TestedFlow, {
    steps: {
      join() {
        this.size = "small";
        this.total = (() => 1) as never;
      },
    },
  });
  assert.deepEqual([run.failure?.kind, run.failure?.kind === "refusedArtifact" && run.failure.artifact], ["refusedArtifact", "total"]);
});

test("variables of @environment are there for their step alone", async () => {
  const seen: (string | undefined)[] = [];
  await testFlow(TestedFlow, {
    steps: {
      work() {
        seen.push(process.env["STEPWELL_TEST_MODE"]);
        this.product = 1;
      },
    },
  });
  assert.deepEqual([...new Set(seen)], ["inside"]);
  assert.equal(process.env["STEPWELL_TEST_MODE"], undefined);
});

test("each attempt has a temporary folder, and nothing is left of it", async () => {
  const before = readdirSync(tmpdir()).filter((name) => name.startsWith("stepwell-test-"));
  const folders = new Set<string>();
  await testFlow(TestedFlow, {
    steps: {
      work() {
        folders.add(current.tempDir);
        this.product = readdirSync(current.tempDir).length;
      },
    },
  });
  assert.equal(folders.size, 3);
  const after = readdirSync(tmpdir()).filter((name) => name.startsWith("stepwell-test-") && !before.includes(name));
  assert.deepEqual(
    after.filter((name) => [...folders].some((folder) => folder.includes(name))),
    [],
  );
});

test("a flow that cannot run is refused with every reason", async () => {
  const { WrongFlow } = flows;
  assert.ok(WrongFlow !== undefined);
  await assert.rejects(testFlow(WrongFlow), (error: Error) => {
    assert.match(error.message, /^WrongFlow cannot run:\n {2}SW\d+ .+/);
    return true;
  });
});
