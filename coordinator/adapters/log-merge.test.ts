import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { parseFlowName, runIdOf } from "../../proto/ids.ts";
import type { LogLine } from "../../proto/view.ts";
import { lineOf } from "../ports/log-store.conformance.ts";
import { mergeByTime, type LogSource } from "./log-merge.ts";

const run = runIdOf(parseFlowName("MergeFlow"), 1);

function linesAt(source: number, times: readonly number[]): LogLine[] {
  return times.map((atMs, i) => lineOf(run, { task: `train/${source}`, atMs, text: `${source}.${i}` }));
}

async function* stream(lines: readonly LogLine[]): AsyncGenerator<LogLine, void, undefined> {
  yield* lines;
}

test("M1, M2: the merge is the stable sort by each line's latest time so far", async () => {
  const timeLists = fc.array(fc.array(fc.nat({ max: 20 }), { maxLength: 12 }), { maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(timeLists, async (lists) => {
      const all = lists.map((times, source) => linesAt(source, times));
      const sources: LogSource[] = all.map((lines) => ({ firstMs: lines[0]?.atMs ?? 0, open: () => stream(lines) }));
      const merged = await Array.fromAsync(mergeByTime(sources));
      const ranked = all.flatMap((lines, source) => {
        let latestMs = 0;
        return lines.map((line) => ({ line, source, rankMs: (latestMs = Math.max(latestMs, line.atMs)) }));
      });
      const expected = ranked.sort((a, b) => a.rankMs - b.rankMs || a.source - b.source).map(({ line }) => line);
      assert.deepEqual(merged, expected);
    }),
    { numRuns: 300 },
  );
});

test("M3: a source is opened only when the merge has come to its first line", async () => {
  const opened: number[] = [];
  const sources = [30, 10, 20].map((firstMs, source) => ({
    firstMs,
    open: () => {
      opened.push(firstMs);
      return stream(linesAt(source, [firstMs, firstMs + 5]));
    },
  }));
  const openedAtLine: number[] = [];
  for await (const _ of mergeByTime(sources)) openedAtLine.push(opened.length);
  assert.deepEqual(openedAtLine, [1, 1, 2, 2, 3, 3]);
});
