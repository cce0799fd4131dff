import assert from "node:assert/strict";
import { test } from "node:test";
import type { Held, LogText } from "../../sdk/wire/worker-items.ts";
import { Outbox } from "./outbox.ts";

const one: Held = { run: "F/1", task: "a/0", attempt: 0, lease: 1 };
const two: Held = { run: "F/1", task: "b/0", attempt: 0, lease: 2 };
const lines = (...texts: readonly string[]): readonly LogText[] => texts.map((text) => ({ stream: "stdout", atMs: 1, text }));
const mebibyte = "x".repeat(1024 * 1024);

/** What a new stream would get, as `number:text`. */
function told(outbox: Outbox, of: Held): readonly string[] {
  return outbox.all().flatMap((item) => {
    if (item.kind !== "logs" || item.of !== of) return [];
    return item.lines.map(({ text }, index) => `${item.from + index}:${text.length > 100 ? "long" : text}`);
  });
}

test("lines are numbered within their attempt and sent again until they are kept", () => {
  const outbox = new Outbox();
  assert.equal(outbox.keepLines(one, lines("a", "b"), true)?.from, 0);
  assert.equal(outbox.keepLines(two, lines("x"), true)?.from, 0);
  assert.equal(outbox.keepLines(one, lines("c"), false)?.from, 2);
  assert.deepEqual(told(outbox, one), ["0:a", "1:b", "2:c"]);
  outbox.linesKept(one, 2);
  assert.deepEqual(told(outbox, one), ["2:c"]);
  outbox.linesKept(one, 3);
  assert.deepEqual(told(outbox, one), []);
  assert.deepEqual(told(outbox, two), ["0:x"]);
});

test("lines go before the outcomes, and both with the attempt", () => {
  const outbox = new Outbox();
  outbox.keepOutcome({ kind: "outcome", of: one, outcome: new Uint8Array() });
  outbox.keepLines(one, lines("a"), true);
  assert.deepEqual(
    outbox.all().map(({ kind }) => kind),
    ["logs", "outcome"],
  );
  assert.deepEqual([outbox.holds(one), outbox.held()], [true, [one]]);
  outbox.forget(one);
  assert.deepEqual([outbox.all(), outbox.isEmpty()], [[], true]);
});

test("without a stream the newest lines are dropped at the limit, and counted in a line of their own", () => {
  const outbox = new Outbox();
  for (let sent = 0; sent < 8; sent += 1) outbox.keepLines(one, lines(mebibyte), false);
  assert.equal(outbox.keepLines(one, lines("a", "b"), false), null);
  assert.equal(outbox.keepLines(one, lines("c"), false), null);
  const notice = "8:stepwell: 3 lines were dropped while the worker had no coordinator";
  assert.deepEqual(told(outbox, one).at(-1), notice);
  assert.deepEqual(told(outbox, one).at(-1), notice, "and once");
  assert.equal(outbox.keepLines(one, lines("d"), true)?.from, 9);
});

test("of lines that were sent the oldest go first at the limit: they have most likely arrived", () => {
  const outbox = new Outbox();
  for (let sent = 0; sent < 12; sent += 1) outbox.keepLines(one, lines(mebibyte), true);
  assert.deepEqual(told(outbox, one), ["5:long", "6:long", "7:long", "8:long", "9:long", "10:long", "11:long"]);
});

test("an attempt that prints a little keeps it, at the expense of others at the limit", () => {
  const outbox = new Outbox();
  for (let sent = 0; sent < 8; sent += 1) outbox.keepLines(one, lines(mebibyte), true);
  outbox.keepLines(two, lines("x"), true);
  assert.deepEqual(told(outbox, two), ["0:x"]);
  assert.equal(told(outbox, one).length, 7);
});
