import assert from "node:assert/strict";
import { test } from "node:test";
import type { LogLine } from "../../proto/view.ts";
import { parseTaskId } from "../../proto/ids.ts";
import { widthOf } from "../format/table.ts";
import { keyHints } from "../live/keys.ts";
import { PlainPresenter, WindowPresenter, JsonLinesPresenter, type Presenter } from "../live/presenter.ts";
import { finishedDocument } from "../live/event-documents.ts";
import { RunProgress } from "../live/progress.ts";
import { Selection } from "../live/selection.ts";
import { windowLines } from "../live/window.ts";
import { runDocument } from "../render/run-document.ts";
import { summaryLines } from "../render/run-summary.ts";
import { compare, places, sinkOf } from "./golden.ts";
import { excerpt, failedView, firstMinute, graph, run, startMs, succeededView, type Story } from "./train-run.ts";

const nowMs = startMs + 62_000;

const path = (file: string): string => file;

function tell(story: Story, presenter: Presenter, shown: { readonly progress: RunProgress; readonly selection: Selection }): void {
  for (const recorded of story.events) {
    const change = shown.progress.apply(recorded);
    if (change?.kind === "taskStarted") shown.selection.admit(change.task);
    presenter.recorded(recorded, change);
  }
}

const printed: LogLine = { run, task: parseTaskId("train/500"), attempt: 0, stream: "stdout", atMs: startMs, text: "epoch 12 loss=0.031" };

for (const place of places) {
  void test(`a run is shown as a terminal of this kind can show it: ${place.name}`, (context) => {
    const { sink, written } = sinkOf(place);
    const shown = { progress: new RunProgress(run, graph), selection: new Selection() };
    const look = {
      sink,
      zone: "utc",
      nowMs: () => nowMs,
      hints: keyHints({ logs: "auto", interrupt: "cancels", detach: null }),
      help: () => [],
      group: null,
    } as const;
    const presenter = sink.live
      ? new WindowPresenter(shown.progress, shown.selection, look)
      : new PlainPresenter(shown.progress, shown.selection, look);
    tell(firstMinute(), presenter, shown);
    presenter.line(printed);
    presenter.close();
    const scrolled = written().split("\n").slice(0, -1);
    const window = sink.live
      ? windowLines(shown.progress, { columns: place.columns, rows: place.rows, paint: sink.paint, nowMs, hints: look.hints })
      : [];
    compare(context, `run-${place.name}`, [...scrolled, ...window]);
    assert.ok(window.length <= place.rows / 3, `the window takes ${window.length} of ${place.rows} rows`);
    assert.ok(
      window.every((line) => widthOf(line) < place.columns),
      "no line of the window may wrap",
    );
    const escape = "\u001B[";
    if (!sink.live) assert.ok(!written().includes(escape), "no escapes outside a terminal");
    const colors = [1, 2, 31, 32, 33, 36].map((code) => `${escape}${code}m`);
    if (place.env["NO_COLOR"] !== undefined)
      assert.ok(!colors.some((color) => written().includes(color)), "no colours where they are not wanted");
  });

  void test(`the end of a run, failed and succeeded: ${place.name}`, (context) => {
    const { sink } = sinkOf(place);
    const failed = summaryLines(failedView, {
      paint: sink.paint,
      excerpt,
      sameError: 3,
      columns: sink.live ? place.columns : null,
      takenUpAtMs: null,
      path,
    });
    const succeeded = summaryLines(succeededView, {
      paint: sink.paint,
      excerpt: null,
      sameError: 0,
      columns: null,
      takenUpAtMs: null,
      path,
    });
    compare(context, `end-${place.name}`, [...failed, "", ...succeeded]);
  });
}

void test("a run as JSON lines: each line is one document, the last says how it ended", (context) => {
  const { sink, written } = sinkOf({ name: "json", columns: 80, rows: 24, isTTY: false, env: {} });
  const shown = { progress: new RunProgress(run, graph), selection: new Selection() };
  const story = firstMinute();
  story.events.splice(12, 820);
  tell(story, new JsonLinesPresenter(run, { out: sink, err: sink }), shown);
  const lines = [...written().trimEnd().split("\n"), JSON.stringify(finishedDocument(failedView))];
  const documents = lines.map((line): { event: string } => JSON.parse(line));
  assert.equal(documents.at(-1)?.event, "run.finished");
  assert.ok(documents.every((document) => typeof document.event === "string"));
  compare(context, "run-jsonl", lines);
});

void test("a run as one JSON document", (context) => {
  compare(context, "run-json", [JSON.stringify(runDocument(failedView))]);
});

void test("a failure without a place in the source still says what to do", () => {
  const { sink } = sinkOf({ name: "pipe", columns: 80, rows: 24, isTTY: false, env: {} });
  const first = failedView.firstFailure;
  assert.ok(first !== null);
  const view = { ...failedView, firstFailure: { ...first, failure: { kind: "timeout", afterSeconds: 120 } as const } };
  assert.deepEqual(
    summaryLines(view, { paint: sink.paint, excerpt: null, sameError: 1, columns: null, takenUpAtMs: null, path }).slice(1, 4),
    ["  train/77   timed out after 120 s", "     at train.ts:1", "     raise @timeout or make the step faster"],
  );
});

void test("a step that found the store full is not told to be wrong: the message has what to do", () => {
  const { sink } = sinkOf({ name: "pipe", columns: 80, rows: 24, isTTY: false, env: {} });
  const { firstFailure: first } = failedView;
  assert.ok(first !== null && first.failure.kind === "userError");
  const failure = { ...first.failure, name: "ArtifactStoreError", message: "no space left; free some space" };
  const said = (name: string): string => {
    const view = { ...failedView, firstFailure: { ...first, failure: { ...failure, name } } };
    return summaryLines(view, { paint: sink.paint, excerpt: null, sameError: 1, columns: null, takenUpAtMs: null, path }).join("\n");
  };
  assert.doesNotMatch(said("ArtifactStoreError"), /correct the step/);
  assert.match(said("TypeError"), /correct the step/);
});

void test("where no terminal says how wide it is, an excerpt of a very long line is still cut", () => {
  const { sink } = sinkOf({ name: "pipe", columns: 80, rows: 24, isTTY: false, env: {} });
  const place = { ...excerpt.place, column: 50_000 };
  const lines = excerpt.lines.map(({ line }) => ({ line, text: `${"a".repeat(49_999)}BAD${"b".repeat(50_000)}` }));
  const shown = summaryLines(failedView, {
    paint: sink.paint,
    excerpt: { place, lines },
    sameError: 1,
    columns: null,
    takenUpAtMs: null,
    path,
  });
  const at = shown.findIndex((line) => line.startsWith("  >"));
  assert.equal(shown[at]?.indexOf("BAD"), shown[at + 1]?.indexOf("^"), shown.join("\n"));
  assert.ok(shown.every((line) => widthOf(line) <= 120));
});

void test("where the terminal is too narrow for the line that failed, it is shown from further right", () => {
  const { sink } = sinkOf({ name: "narrow", columns: 50, rows: 24, isTTY: true, env: { NO_COLOR: "1" } });
  const place = { ...excerpt.place, column: 70 };
  const lines = excerpt.lines.map(({ line }) => ({ line, text: `${"a".repeat(69)}BAD${"b".repeat(60)}` }));
  const shown = summaryLines(failedView, {
    paint: sink.paint,
    excerpt: { place, lines },
    sameError: 1,
    columns: 50,
    takenUpAtMs: null,
    path,
  });
  const at = shown.findIndex((line) => line.startsWith("  >"));
  assert.equal(shown[at]?.indexOf("BAD"), shown[at + 1]?.indexOf("^"), shown.join("\n"));
  assert.equal(shown[at + 2], `        | ${place.file}:${place.line}:70`);
  assert.ok(shown.slice(at - 1, at + 3).every((line) => widthOf(line) <= 50));
});
