// What every log store must do.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { LogsQuery } from "../../proto/control.ts";
import { parseFlowName, parseStepName, parseTaskId, runIdOf, type RunId, type TaskId } from "../../proto/ids.ts";
import type { LogLine } from "../../proto/view.ts";
import type { LogStore } from "./log-store.ts";

let runs = 0;
export function newRun(): RunId {
  return runIdOf(parseFlowName("LogFlow"), ++runs);
}

export type LineSpec = {
  readonly task: string;
  readonly atMs: number;
  readonly text?: string;
  readonly attempt?: number;
  readonly stream?: LogLine["stream"];
};

export function lineOf(run: RunId, { task, atMs, text = `at ${atMs}`, attempt = 0, stream = "stdout" }: LineSpec): LogLine {
  return { run, task: parseTaskId(task), attempt, stream, atMs, text };
}

export function appendLine(store: LogStore, run: RunId, spec: LineSpec): LogLine {
  const line = lineOf(run, spec);
  store.append(run, line.task, line.attempt, [line]);
  return line;
}

/** `open` gives an empty store; the suite closes it. */
export function describeLogStore(name: string, open: () => Promise<LogStore>): void {
  describe(`${name} as a log store`, () => {
    let store: LogStore;
    before(async () => {
      store = await open();
    });
    after(() => store.close());
    const read = (query: LogsQuery): Promise<LogLine[]> => Array.fromAsync(store.read(query));
    const texts = async (query: LogsQuery): Promise<string[]> => (await read(query)).map(({ text }) => text);

    test("a line comes back as it was, whatever characters it has, without a flush", async () => {
      const run = newRun();
      const odd = [
        "",
        " ",
        "\ttab",
        '"quoted" \\ {}',
        "\u0000\u001b[31mred",
        "ü 漢 \ud83d\ude00 \u2028",
        "carriage\rreturn",
        "x".repeat(64 * 1024),
      ];
      const lines = odd.map((text, i) =>
        appendLine(store, run, { task: "train/0", atMs: i + 0.5, text, stream: i % 2 ? "stderr" : "system" }),
      );
      assert.deepEqual(await read({ run }), lines);
    });

    test("a run without output reads as nothing", async () => {
      assert.deepEqual(await read({ run: newRun() }), []);
      const run = newRun();
      store.append(run, parseTaskId("train/0"), 0, []);
      assert.deepEqual(await read({ run, task: parseTaskId("train/0") }), []);
    });

    test("lines of several tasks come in the order of time, equal times in the order of step, index and attempt", async () => {
      const run = newRun();
      for (const [task, atMs] of [
        ["train/10", 5],
        ["train/10", 9],
        ["train/2", 5],
        ["train/2", 7],
        ["join/0", 5],
        ["train/2.1", 6],
      ] as const) {
        appendLine(store, run, { task, atMs, text: `${task} ${atMs}` });
      }
      assert.deepEqual(await texts({ run }), ["join/0 5", "train/2 5", "train/10 5", "train/2.1 6", "train/2 7", "train/10 9"]);
    });

    test("lines of one attempt keep their order even where its clock went back", async () => {
      const run = newRun();
      for (const atMs of [10, 3, 12]) appendLine(store, run, { task: "train/0", atMs, text: `a${atMs}` });
      for (const atMs of [5, 11]) appendLine(store, run, { task: "train/1", atMs, text: `b${atMs}` });
      assert.deepEqual(await texts({ run }), ["b5", "a10", "a3", "b11", "a12"]);
    });

    test("a step, a task, a stream are asked for by themselves", async () => {
      const run = newRun();
      appendLine(store, run, { task: "train/0", atMs: 1, text: "t0" });
      appendLine(store, run, { task: "train/1", atMs: 2, text: "t1", stream: "stderr" });
      appendLine(store, run, { task: "trainer/1", atMs: 3, text: "other" });
      assert.deepEqual(await texts({ run, step: parseStepName("train") }), ["t0", "t1"]);
      assert.deepEqual(await texts({ run, task: parseTaskId("train/1") }), ["t1"]);
      assert.deepEqual(await texts({ run, stream: "stdout" }), ["t0", "other"]);
      assert.deepEqual(await texts({ run, step: parseStepName("nothing") }), []);
    });

    test("of each task the latest attempt that printed is read, unless others are asked for", async () => {
      const run = newRun();
      for (const attempt of [0, 2, 10]) appendLine(store, run, { task: "train/0", atMs: attempt, attempt, text: `0-${attempt}` });
      appendLine(store, run, { task: "train/1", atMs: 20, text: "1-0" });
      assert.deepEqual(await texts({ run }), ["0-10", "1-0"]);
      assert.deepEqual(await texts({ run, attempt: "latest" }), ["0-10", "1-0"]);
      assert.deepEqual(await texts({ run, attempt: 2 }), ["0-2"]);
      assert.deepEqual(await texts({ run, attempt: "all" }), ["0-0", "0-2", "0-10", "1-0"]);
    });

    test("runs don't see each other's lines", async () => {
      const [first, second] = [newRun(), newRun()];
      appendLine(store, first, { task: "train/0", atMs: 1, text: "first" });
      assert.deepEqual(await texts({ run: second }), []);
    });

    test("thousands of lines of many tasks are all there and in order", async () => {
      const run = newRun();
      const tasks: TaskId[] = Array.from({ length: 200 }, (_, i) => parseTaskId(`train/${i}`));
      for (let round = 0; round < 20; round++) {
        for (const [i, task] of tasks.entries()) {
          store.append(run, task, 0, [lineOf(run, { task, atMs: round * 200 + ((i * 7) % 200) })]);
        }
        if (round % 5 === 0) await store.flush();
      }
      const times = (await read({ run })).map(({ atMs }) => atMs);
      assert.deepEqual(
        times,
        Array.from({ length: 4_000 }, (_, i) => i),
      );
    });
  });
}
