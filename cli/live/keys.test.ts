import assert from "node:assert/strict";
import { test } from "node:test";
import picocolors from "picocolors";
import { firstMinute, graph, run } from "../golden/train-run.ts";
import { inForeground } from "./keyboard.ts";
import { helpLines, keyHints, pressKey, type KeyedWatch } from "./keys.ts";
import { RunProgress } from "./progress.ts";

function watching(logs: KeyedWatch["logs"]): KeyedWatch {
  return {
    progress: new RunProgress(run, graph),
    paint: picocolors.createColors(false),
    logs,
    help: false,
    interrupt: "cancels",
    detach: null,
  };
}

void test("f lists what failed so far, one line for each error", () => {
  const watch = watching("auto");
  assert.deepEqual(pressKey("f", watch), ["no task has failed so far"]);
  for (const event of firstMinute().events) watch.progress.apply(event);
  const [head, ...lines] = pressKey("f", watch);
  assert.equal(head, "failed so far:");
  assert.equal(lines.length, new Set(watch.progress.failureGroups().map((group) => group.text)).size);
  assert.match(lines[0] ?? "", /^ {2}train\/\d+ {3}TypeError: x is undefined/);
});

void test("l goes from the first ten to all, to none, and back", () => {
  const watch = watching("auto");
  const said = [1, 2, 3].map(() => pressKey("l", watch)[0]);
  assert.deepEqual(said, [
    "output of tasks from here on: all",
    "output of tasks from here on: none",
    "output of tasks from here on: of the first ten of each step",
  ]);
  assert.equal(watch.logs, "auto");
});

void test("l means nothing where output is not followed, and is not offered", () => {
  const watch = watching(null);
  assert.deepEqual(pressKey("l", watch), []);
  assert.equal(keyHints(watch), "^C cancels · f failures · ? help");
  pressKey("?", watch);
  assert.ok(helpLines(watch).every((line) => !line.startsWith("l ")));
});

void test("? shows what the keys do until it is pressed again, and scrolls nothing", () => {
  const watch = watching("auto");
  assert.deepEqual(helpLines(watch), []);
  assert.deepEqual(pressKey("?", watch), []);
  assert.deepEqual(
    helpLines(watch).map((line) => line.slice(0, 2).trim()),
    ["f", "l", "^C", "?"],
  );
  pressKey("?", watch);
  assert.deepEqual(helpLines(watch), []);
});

void test("other keys mean nothing", () => {
  const watch = watching("all");
  assert.deepEqual(
    ["x", "q", " ", "\r", "\u001B"].flatMap((key) => pressKey(key, watch)),
    [],
  );
});

void test("both ways of finding out who has the terminal say the same", () => {
  assert.equal(inForeground("darwin"), inForeground("linux"));
});

test("`d` leaves a run that goes on without this command, and means nothing elsewhere", () => {
  let left = 0;
  const watch = { ...watching(null), detach: () => void (left += 1) };
  assert.equal(keyHints(watch), "^C cancel · d detach · f failures · ?");
  pressKey("d", watch);
  assert.equal(left, 1);
  pressKey("d", watching(null));
  assert.ok(helpLines({ ...watch, help: true }).some((line) => line.includes("leave the run to the cluster")));
});
