import assert from "node:assert/strict";
import { test } from "node:test";
import type { Hello } from "../../../sdk/wire/worker-items.ts";
import { hello } from "../../../test/coordinator/hello.ts";
import { objectionToHello } from "./worker-admission.ts";

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
