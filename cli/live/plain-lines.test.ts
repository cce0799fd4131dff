import assert from "node:assert/strict";
import { test } from "node:test";
import { Story, graph, run, startMs } from "../golden/train-run.ts";
import type { Change } from "./progress.ts";
import { PlainLines, progressEveryMs } from "./plain-lines.ts";
import { RunProgress } from "./progress.ts";
import { ScrollLines } from "./scroll-lines.ts";
import { Selection } from "./selection.ts";
import picocolors from "picocolors";
import { openTerminal } from "../terminal.ts";

/** Ten thousand tasks over ten minutes; every fiftieth fails for good, after two retries. */
function large(): Story {
  const story = new Story();
  story.begin();
  story.start("start/0", 100);
  story.succeed("start/0", 200, 100);
  story.start("load/0", 200);
  story.succeed("load/0", 300, 100);
  story.start("split/0", 300);
  story.succeed("split/0", 400, 100);
  for (let index = 0; index < 10_000; index += 1) {
    const afterMs = 500 + index * 60;
    for (const attempt of index % 50 === 0 ? [0, 1, 2] : [0]) {
      story.start(`train/${index}`, afterMs + attempt, attempt);
      if (index % 50 === 0) story.fail(`train/${index}`, afterMs + 30 + attempt, attempt);
      else story.succeed(`train/${index}`, afterMs + 30, 30);
    }
  }
  return story;
}

type Shown = { readonly progress: RunProgress; readonly selection: Selection };

function linesOf(story: Story, { progress, selection }: Shown, of: (change: Change) => readonly string[]): string[] {
  return story.events.flatMap((recorded) => {
    const change = progress.apply(recorded);
    if (change?.kind === "taskStarted") selection.admit(change.task);
    return change === null ? [] : of(change);
  });
}

void test("a run of ten thousand tasks of which many fail writes at most 200 lines", () => {
  const [progress, selection] = [new RunProgress(run, graph), new Selection()];
  const plain = new PlainLines(progress, selection);
  const lines = linesOf(large(), { progress, selection }, (change) => plain.of(change));
  assert.ok(lines.length <= 200, `${lines.length} lines`);
  assert.equal(lines.filter((line) => line.includes(" FAILED ")).length > 0, true);
  assert.equal(lines.filter((line) => line.includes("further ones are only counted")).length, 1);
  assert.equal(lines.filter((line) => line.includes("others that go well are only counted")).length, 1);
});

void test("the scrolled lines of a terminal are bounded alike", () => {
  const [progress, selection] = [new RunProgress(run, graph), new Selection()];
  const stream = { isTTY: true, write: () => true, once: () => undefined };
  const { paint } = openTerminal({ stdout: stream, stderr: stream }, {}, "never").out;
  const scroll = new ScrollLines(progress, selection, { paint, zone: "utc" });
  assert.ok(linesOf(large(), { progress, selection }, (change) => scroll.of(change)).length <= 200);
});

void test("the scrolled lines say what was reused, and why a run is cancelled or goes on", () => {
  const shown = { progress: new RunProgress(run, graph), selection: new Selection() };
  const scroll = new ScrollLines(shown.progress, shown.selection, { paint: picocolors.createColors(false), zone: "utc" });
  const changes: readonly Change[] = [
    { kind: "started", atMs: startMs, reused: 1 },
    { kind: "cancelling", atMs: startMs, by: "--timeout 3s" },
    { kind: "cancelling", atMs: startMs, by: "ada" },
    { kind: "takenUp", atMs: startMs, by: "ada" },
  ];
  assert.deepEqual(
    changes.flatMap((change) => scroll.of(change)).map((line) => line.replace(/^\d\d:\d\d:\d\d /, "")),
    ["reused 1 finished task", "cancelling: --timeout 3s is over", "cancelling, asked by ada", `▶ ${run}  goes on, asked by ada`],
  );
});

void test("progress is told at most every thirty seconds, also when nothing happens", () => {
  const progress = new RunProgress(run, graph);
  const plain = new PlainLines(progress, new Selection());
  const story = new Story();
  story.begin();
  story.start("start/0", 100);
  for (const recorded of story.events) {
    const change = progress.apply(recorded);
    if (change !== null) plain.of(change);
  }
  assert.deepEqual(plain.tick(startMs + progressEveryMs - 1), []);
  assert.equal(plain.tick(startMs + progressEveryMs).length, 1);
  assert.deepEqual(plain.tick(startMs + 2 * progressEveryMs - 1), []);
  assert.match(plain.tick(startMs + 2 * progressEveryMs)[0] ?? "", /progress start running=1 queued=0 done=0 failed=0 total=1$/);
});
