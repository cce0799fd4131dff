import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { messageCharactersMax, parseProgressLine, progressLine, progressOf } from "./progress.ts";

const amount = fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }).map((value) => (Object.is(value, -0) ? 0 : value));

test("a line of progress says what the step said", () => {
  assert.equal(progressLine(progressOf(40, 100, "fitting")), "progress 40/100 fitting");
  assert.equal(progressLine(progressOf(40, undefined, undefined)), "progress 40");
  fc.assert(
    fc.property(amount, fc.option(amount, { nil: undefined }), fc.option(fc.string(), { nil: undefined }), (done, total, message) => {
      const progress = progressOf(done, total, message);
      assert.deepEqual(parseProgressLine(progressLine(progress)), progress);
    }),
  );
});

test("a message is one line, of bounded length", () => {
  assert.equal(progressOf(1, 2, " a\r\n b\u2028").message, "a b");
  assert.equal(progressOf(1, 2, "x".repeat(messageCharactersMax)).message?.length, messageCharactersMax);
  assert.equal(progressOf(1, 2, "x".repeat(messageCharactersMax + 1)).message?.length, messageCharactersMax);
});

test("another line is no progress", () => {
  for (const text of ["progress", "progress of 40", "no progress 40", "progress -1", "progress 4/", ""])
    assert.equal(parseProgressLine(text), null, text);
});

test("what is no amount is refused where it is told", () => {
  assert.throws(() => progressOf(Number.NaN, 1, undefined), /current\.progress: done is NaN/);
  assert.throws(() => progressOf("40", 1, undefined), /done is "40"; give a number that is 0 or more/);
  assert.throws(() => progressOf(1, -1, undefined), /total is -1/);
  assert.throws(() => progressOf(1, 1, {}), /the message is of type object; give a string/);
});
