import assert from "node:assert/strict";
import { test } from "node:test";
import { parseFlowName, parseRunId, parseStepName, parseTaskId } from "../../../proto/ids.ts";
import type { Hello } from "../../../sdk/wire/worker-items.ts";
import { node } from "../../../test/coordinator/graphs.ts";
import { hello } from "../../../test/coordinator/hello.ts";
import { needsOfStep } from "../../core/needs.ts";
import { Concurrency } from "../../shell/concurrency.ts";
import { Workers } from "../../shell/workers.ts";
import type { Principal } from "./principal.ts";
import { objectionToHello, objectionToWorker } from "./worker-admission.ts";

const labelled = (count: number, value = "x"): Hello["labels"] =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`l${i}`, value]));

test("a worker says of itself what can be so", () => {
  const good: Partial<Hello>[] = [{}, { worker: "w".repeat(200) }, { slots: 10_000 }, { cpu: 0.5 }, { labels: labelled(100) }];
  for (const over of good) assert.equal(objectionToHello({ ...hello, ...over }), null);
});

test("what cannot be so, or is beyond a limit, is refused by name", () => {
  const bad: readonly (readonly [Partial<Hello>, RegExp])[] = [
    [{ worker: "" }, /name has between 1 and 200/],
    [{ worker: "w".repeat(201) }, /name has between 1 and 200/],
    [{ slots: 0 }, /between 1 and 10000 slots, not 0/],
    [{ slots: 10_001 }, /between 1 and 10000 slots/],
    [{ cpu: Number.NaN }, /numbers from 0 on/],
    [{ memoryMiB: Number.POSITIVE_INFINITY }, /numbers from 0 on/],
    [{ gpu: -1 }, /numbers from 0 on/],
    [{ labels: labelled(101) }, /at most 100 labels/],
    [{ labels: labelled(1, "x".repeat(500)) }, /at most 500 characters/],
    [{ runs: Array.from({ length: 10_001 }, (_, i) => `F/${i}`) }, /at most 10000 runs/],
  ];
  for (const [over, message] of bad) assert.match(objectionToHello({ ...hello, ...over }) ?? "", message);
});

test("where nobody knows its token, a worker is expected back with one that its work could have been given to", () => {
  const workers = new Workers();
  const known = workers.expect("w1", 0);
  const run = parseRunId("Flow/1");
  workers.hold(known, {
    run,
    task: parseTaskId("start/0"),
    attempt: 0,
    lease: 1,
    worker: "w1",
    needs: needsOfStep(node("start", { kind: "end" })),
    counted: new Concurrency().of(parseFlowName("Flow"), parseStepName("start")),
    heldAtMs: 0,
    acknowledged: true,
    backstop: null,
    lines: null,
    output: { next: null, written: 0, told: 0 },
  });
  const objection = (over: Partial<Principal>, more: Partial<Hello> = {}): string | null =>
    objectionToWorker(
      { ...hello, ...more },
      { tokenId: "sw_1", tokenName: "", role: "worker", namespace: null, pool: null, ...over },
      { known, namespaceOf: () => "user:ada" },
    );
  const refused = /expected back with work that this token sw_1 is not for/;
  assert.match(objection({ namespace: "user:eve" }) ?? "", refused);
  assert.match(objection({ pool: "gpu" }, { pool: "gpu" }) ?? "", refused);
  assert.match(objection({ role: "runner" }, { runs: [parseRunId("Flow/9")] }) ?? "", refused);
  assert.equal(objection({ namespace: "user:ada" }), null);
  assert.equal(objection({ role: "runner" }, { runs: [run] }), null);
  known.tokenId = "sw_2";
  assert.match(objection({}) ?? "", /the worker w1 is expected back with another token/);
});
