import assert from "node:assert/strict";
import { test } from "node:test";
import { assertShows } from "./output.ts";

const printed = "2026-11-24T10:44:47.986Z F/1/a/0 task ok duration=4ms\na/1 | one\na/0 | zero\nfirst\nsecond\nthird 7ms\n";

test("times and the order of tasks may differ", () => {
  assertShows("first\nsecond\nthird 0.2s\na/0 | zero\na/1 | one\n2020-01-01T00:00:00.000Z F/1/a/0 task ok duration=1s\n", printed, "doc");
});

test("an ellipsis stands for lines that are left out", () => {
  assertShows("…\na/0 | zero\nsecond\n…\n", printed, "doc");
  assertShows("…\nfirst\n…\nthird 1ms\n", printed, "doc");
});

test("a line that is wrong, missing, in the wrong order or too many is noticed", () => {
  for (const shown of [
    "…\nfirst\nfourth\n…\n",
    "…\na/0 | one\n…\n",
    "…\nsecond\nfirst\n…\n",
    "first\nsecond\nthird 7ms\na/0 | zero\na/1 | one\n",
    "…\nfirst\nfirst\n…\n",
    "…\nfirst\nthird 7ms\n…\n",
  ]) {
    assert.throws(() => assertShows(shown, printed, "doc"), assert.AssertionError, shown);
  }
});
