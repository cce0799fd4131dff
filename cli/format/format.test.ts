import assert from "node:assert/strict";
import { test } from "node:test";
import stringWidth from "string-width";
import { countOfThings, formatBytes, formatCount } from "./count.ts";
import { formatDuration, formatRough, parseDuration } from "./duration.ts";
import { didYouMean } from "./suggestion.ts";
import { cut, tableLines, widthOf } from "./table.ts";
import { formatClock, formatStarted } from "./time.ts";

void test("durations keep two units at most, and never show sixty of one", () => {
  const shown = [0, 49, 950, 59_949, 59_950, 62_000, 190_000, 3_599_600, 7_500_000, 86_399_000, 273_600_000].map(formatDuration);
  assert.deepEqual(shown, ["0ms", "49ms", "0.9s", "59.9s", "1m00s", "1m02s", "3m10s", "1h00m", "2h05m", "1d00h", "3d04h"]);
  assert.deepEqual([400, 59_400, 125_000, 7_300_000, 200_000_000].map(formatRough), ["0s", "59s", "2m", "2h", "2d"]);
});

void test("durations are read in the units in which they are typed", () => {
  assert.deepEqual(["30s", "1h30m", "1.5h", "250ms", "2d"].map(parseDuration), [30_000, 5_400_000, 5_400_000, 250, 172_800_000]);
  assert.deepEqual(["", "30", "s", "1h 30m", "-1s"].map(parseDuration), [null, null, null, null, null]);
});

void test("counts and bytes are the same in every locale", () => {
  assert.deepEqual([0, 999, 1000, 1_234_567].map(formatCount), ["0", "999", "1,000", "1,234,567"]);
  assert.deepEqual(
    [1, 2].map((count) => countOfThings(count, "step")),
    ["1 step", "2 steps"],
  );
  assert.deepEqual([0, 1023, 1536, 1_048_575, 3 * 1024 ** 3].map(formatBytes), ["0 B", "1023 B", "1.5 KiB", "1.0 MiB", "3.0 GiB"]);
});

void test("a start within a day is told by the clock, an older one by the date", () => {
  const nowMs = Date.UTC(2026, 10, 24, 12, 12);
  assert.equal(formatStarted(nowMs - 480_000, { nowMs, zone: "utc" }), "12:04 (8m ago)");
  assert.equal(formatStarted(nowMs - 86_400_000 * 3, { nowMs, zone: "utc" }), "2026-11-21 12:12");
  assert.equal(formatClock(nowMs, "utc"), "12:12:00");
});

void test("the width of text is what the library says, whether it is asked or not", () => {
  const texts = [
    "plain",
    "Grüße",
    "Привет",
    "✓ ▶ ─ │ ┌ └ █▏ · … → ≠ ✗ ■",
    "日本語",
    "👍🏽 ok",
    "e\u0301",
    "\u001B[31mred\u001B[39m",
    "한국",
    "\u200B",
  ];
  assert.deepEqual(
    texts.map(widthOf),
    texts.map((text) => stringWidth(text)),
  );
});

void test("columns are as wide as their widest cell, and lines end without spaces", () => {
  const lines = tableLines(
    [{ title: "A" }, { title: "N", align: "right" }, { title: "Z" }],
    [
      ["日本", "1", ""],
      ["x", "100", "end"],
    ],
  );
  assert.deepEqual(lines, ["A       N  Z", "日本    1", "x     100  end"]);
});

void test("a line is cut to its width with colours closed", () => {
  assert.equal(cut("abcdef", 6), "abcdef");
  assert.equal(cut("abcdef", 4), "abc…");
  assert.equal(cut("\u001B[31mabcdef\u001B[39m", 4), "\u001B[31mabc…\u001B[0m");
  assert.equal(widthOf(cut("日本語の文字", 7)), 7);
});

void test("a suggestion is a near word or one that was begun, and nothing else", () => {
  const known = ["run", "runs", "resume", "artifacts", "completion"];
  assert.deepEqual(
    ["rnu", "artifcts", "compl", "xyzzy"].map((typed) => didYouMean(typed, known)),
    ['did you mean "run"?', 'did you mean "artifacts"?', 'did you mean "completion"?', null],
  );
});
