// The screen is judged by what a terminal would show, so these tests interpret the escapes as a terminal does.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Sink } from "../terminal.ts";
import { openTerminal } from "../terminal.ts";
import { harmless, Screen } from "./screen.ts";

// oxlint-disable-next-line no-control-regex -- a terminal is made of them
const cursorUp = /^\u001B\[\d+A$/;

/** Understands what Screen writes: text, newlines, cursor up, erase a line, erase below; wraps, and rewraps when it gets another width. */
class Terminal {
  columns: number;
  cursor = true;
  lines: string[] = [""];
  #row = 0;

  constructor(columns: number) {
    this.columns = columns;
  }

  write(text: string): void {
    // oxlint-disable-next-line no-control-regex -- a terminal is made of them
    for (const [part] of text.matchAll(/\u001B\[\??(\d*)[A-Za-z]|[\s\S]/g)) this.#take(part);
  }

  resize(columns: number): void {
    this.columns = columns;
    this.lines = this.lines.flatMap((line) => line.match(new RegExp(`.{1,${columns}}`, "g")) ?? [line]);
    this.#row = this.lines.length - 1;
  }

  #take(part: string): void {
    if (part === "\n") {
      this.#row += 1;
      if (this.lines[this.#row] === undefined) this.lines.push("");
    } else if (part === "\u001B[?25l" || part === "\u001B[?25h") {
      this.cursor = part.endsWith("h");
    } else if (cursorUp.test(part)) {
      this.#row = Math.max(0, this.#row - Number(part.slice(2, -1)));
    } else if (part === "\u001B[0J") {
      this.lines = [...this.lines.slice(0, this.#row), ""];
    } else if (part === "\u001B[K") {
      this.lines[this.#row] = ""; // It comes at the start of a line.
    } else if (part !== "\r" && !part.startsWith("\u001B")) {
      this.lines[this.#row] += part;
    }
  }
}

function open(terminal: Terminal): Sink {
  const stream = {
    isTTY: true,
    get columns() {
      return terminal.columns;
    },
    rows: 24,
    write: (chunk: string | Uint8Array) => {
      terminal.write(String(chunk));
      return true;
    },
    once: () => undefined,
  };
  return openTerminal({ stdout: stream, stderr: stream }, {}, "never").out;
}

void test("lines scroll up and the window stays below them, once", () => {
  const terminal = new Terminal(40);
  const screen = new Screen(open(terminal));
  screen.update(["one"], ["window 1", "foot"]);
  screen.update(["two", "three"], ["window 2", "foot"]);
  screen.update([], ["window 3"]);
  assert.deepEqual(terminal.lines, ["one", "two", "three", "window 3", ""]);
  assert.equal(terminal.cursor, false);
});

void test("what stays the same is not written again, and nothing is taken away before something is put in its place", () => {
  const written: string[] = [];
  const terminal = new Terminal(40);
  const sink = open(terminal);
  const screen = new Screen({ ...sink, write: (text) => (written.push(text), sink.write(text)) });
  screen.update(["one"], ["window 1", "foot"]);
  screen.update([], ["window 1", "foot"]);
  assert.equal(written.length, 1);
  screen.update(["two"], ["window 2", "foot"]);
  assert.equal(written.length, 2);
  assert.ok((written[1] ?? "").indexOf("\u001B[0J") > (written[1] ?? "").indexOf("foot"));
  screen.update(["x".repeat(90)], ["window 3", "foot"]);
  assert.deepEqual(terminal.lines, ["one", "two", "x".repeat(90), "window 3", "foot", ""]);
});

void test("closing takes the window away and gives the cursor back, once", () => {
  const terminal = new Terminal(40);
  const screen = new Screen(open(terminal));
  screen.update(["one"], ["window"]);
  screen.close();
  assert.deepEqual([terminal.lines, terminal.cursor], [["one", ""], true]);
  terminal.write("after\n");
  screen.close();
  assert.deepEqual(terminal.lines, ["one", "after", ""]);
});

void test("after the terminal became narrower nothing of the old window is left", () => {
  const terminal = new Terminal(40);
  const screen = new Screen(open(terminal));
  screen.update(["one"], ["x".repeat(38), "foot"]);
  terminal.resize(20);
  screen.update(["two"], ["window", "foot"]);
  assert.deepEqual(terminal.lines, ["one", "two", "window", "foot", ""]);
});

void test("what a task wrote keeps its colours and cannot move the cursor", () => {
  assert.equal(harmless("\u001B[31mred\u001B[0m"), "\u001B[31mred\u001B[0m");
  assert.equal(harmless("a\u001B[2J\u001B[1;1Hb\rc\u0007\u001B]0;title"), "abc0;title");
  assert.equal(harmless("tab\tstays"), "tab\tstays");
});
