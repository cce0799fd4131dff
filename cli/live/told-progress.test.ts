import assert from "node:assert/strict";
import { test } from "node:test";
import { parseTaskId } from "../../proto/ids.ts";
import type { LogLine } from "../../proto/view.ts";
import { sinkOf, type Place } from "../golden/golden.ts";
import { graph, run, startMs, Story } from "../golden/train-run.ts";
import { PlainPresenter, WindowPresenter, type Look } from "./presenter.ts";
import { RunProgress } from "./progress.ts";
import { Selection } from "./selection.ts";
import { progressOn } from "./told-progress.ts";
import { windowLines } from "./window.ts";

const terminal: Place = { name: "tty", columns: 100, rows: 40, isTTY: true, env: { NO_COLOR: "1" } };
const pipe: Place = { ...terminal, name: "pipe", isTTY: false };
const look = { zone: "utc", nowMs: () => startMs + 4000, hints: "", help: () => [], group: null } as const;

function line(task: string, text: string, afterMs = 0): LogLine {
  return { run, task: parseTaskId(task), attempt: 0, stream: "system", atMs: startMs + afterMs, text };
}

function started(tasks: number): RunProgress {
  const progress = new RunProgress(run, graph);
  const story = new Story();
  story.begin();
  for (const [at, name] of ["start/0", "load/0", "split/0"].entries()) {
    story.start(name, 100 * at);
    story.succeed(name, 100 * at + 50, 50);
  }
  for (let index = 0; index < tasks; index++) story.start(`train/${index}`, 1000);
  for (const recorded of story.events) progress.apply(recorded);
  return progress;
}

function windowText(progress: RunProgress): string {
  const { sink } = sinkOf(terminal);
  const lines = windowLines(progress, { columns: 100, rows: 40, paint: sink.paint, nowMs: startMs + 4000, hints: "" });
  return lines.find((text) => text.includes("train")) ?? "";
}

function hear(progress: RunProgress, told: LogLine): void {
  const heard = progressOn(told);
  assert.ok(heard);
  progress.told.hear(told.task, heard);
}

test("the window shows beside a step what its running task last said of itself", () => {
  const progress = started(1);
  hear(progress, line("train/0", "progress 39/100 fitting"));
  hear(progress, line("train/0", "progress 40/100 fitting\u001B[2J"));
  assert.match(windowText(progress), /1 running · 999 queued · 40% fitting/);
  assert.ok(!windowText(progress).includes("\u001B"), "what a task says does not reach the terminal as it is");
  hear(progress, line("train/0", "progress 1200"));
  assert.match(windowText(progress), /queued · 1,200(?:  |$)/);
});

test("one of many running tasks is named, and forgotten when it has ended", () => {
  const progress = started(3);
  hear(progress, line("train/2", "progress 1/2"));
  assert.match(windowText(progress), /3 running · 997 queued · train\/2 50%/);
  const story = new Story();
  story.succeed("train/2", 2000, 900);
  for (const recorded of story.events) progress.apply(recorded);
  assert.doesNotMatch(windowText(progress), /train\/2/);
});

function shown(
  place: Place,
  make: (progress: RunProgress, look: Look) => PlainPresenter | WindowPresenter,
  lines: readonly LogLine[],
): string {
  const { sink, written } = sinkOf(place);
  const presenter = make(started(2), { ...look, sink });
  for (const each of lines) presenter.line(each);
  presenter.close();
  return written();
}

test("where lines stay, a task's progress takes a line at first, every thirty seconds, and when it is complete", () => {
  const lines = [0, 1000, 29_000, 30_000, 31_000].map((afterMs, index) => line("train/0", `progress ${index}/9`, afterMs));
  const all = [...lines, line("train/1", "progress 3", 31_500), line("train/0", "progress 9/9 done", 32_000)];
  const text = shown(pipe, (progress, looks) => new PlainPresenter(progress, new Selection(), looks), all);
  assert.deepEqual(text.trimEnd().split("\n"), [
    "train/0 | progress 0/9",
    "train/0 | progress 3/9",
    "train/1 | progress 3",
    "train/0 | progress 9/9 done",
  ]);
});

test("the start of a task that was heard before makes its next word no first one", () => {
  const { sink, written } = sinkOf(pipe);
  const presenter = new PlainPresenter(started(1), new Selection(), { ...look, sink });
  const event = { kind: "taskStarted", atMs: startMs, task: parseTaskId("train/0"), attempt: 0 } as const;
  presenter.line(line("train/0", "progress 0/9"));
  presenter.recorded({ seq: 9, event: { ...event, lease: 1, worker: "w" } }, event);
  presenter.line(line("train/0", "progress 1/9", 1000));
  presenter.close();
  assert.equal(written(), "train/0 | progress 0/9\n");
});

test("where there is a window, progress scrolls nothing", () => {
  const lines = [line("train/0", "progress 1/9"), line("train/0", "stepwell: 3 lines (9 bytes) of output were dropped here")];
  const text = shown(terminal, (progress, looks) => new WindowPresenter(progress, new Selection(), looks), lines);
  assert.match(text, /were dropped here/);
  assert.doesNotMatch(text, /progress 1\/9/);
});
