// Draws on a terminal: finished lines scroll up, the window stays below them.
//
// Invariants:
// S1. Between two calls the cursor stands at the start of the line below the window, which is never wider than the terminal was.
// S2. What stays the same is not taken away before it is written again: that would flicker.
// S3. The cursor is visible again after `close`, whatever happened.

import { widthOf } from "../format/table.ts";
import type { Sink } from "../terminal.ts";

const hideCursor = "\u001B[?25l";
const showCursor = "\u001B[?25h";
const eraseBelow = "\u001B[0J";
const eraseLine = "\u001B[K";

export class Screen {
  readonly #sink: Sink;
  #window: readonly string[] = [];
  #open = false;

  constructor(sink: Sink) {
    this.#sink = sink;
  }

  /** One write, so that the terminal never shows half of it. */
  update(scrolled: readonly string[], window: readonly string[]): void {
    if (this.#open && scrolled.length === 0 && sameLines(window, this.#window)) return;
    const cursor = this.#open ? "" : hideCursor;
    this.#open = true;
    // Lines that take several rows don't fit over the old ones row by row.
    const wraps = scrolled.some((line) => widthOf(line) >= this.#sink.columns());
    const over = wraps ? eraseBelow + lines(scrolled) + lines(window) : linesOver(scrolled) + linesOver(window) + eraseBelow;
    this.#sink.write(cursor + this.#top() + over);
    this.#window = window;
  }

  /** Removes the window; what scrolled stays. */
  close(): void {
    if (!this.#open) return;
    this.#sink.write(this.#top() + eraseBelow + showCursor);
    this.#window = [];
    this.#open = false;
  }

  /** To the start of the window. After a resize its lines may take more rows than they did. */
  #top(): string {
    const columns = Math.max(1, this.#sink.columns());
    const rows = this.#window.reduce((sum, line) => sum + Math.max(1, Math.ceil(widthOf(line) / columns)), 0);
    return rows === 0 ? "\r" : `\u001B[${rows}A\r`;
  }
}

function sameLines(some: readonly string[], others: readonly string[]): boolean {
  return some.length === others.length && some.every((line, index) => line === others[index]);
}

function linesOver(texts: readonly string[]): string {
  return texts.map((text) => `${eraseLine}${text}\n`).join("");
}

function lines(texts: readonly string[]): string {
  return texts.map((text) => `${text}\n`).join("");
}

/**
 * Leaves colours in what a task wrote, but nothing that moves the cursor: that would tear the window.
 */
export function harmless(text: string): string {
  // oxlint-disable-next-line no-control-regex -- they are what it looks for
  return text.replace(/\u001B\[(?![\d;]*m)[\d;?]*[ -/]*[@-~]|\u001B[^[]|[\u0000-\u0008\u000B-\u001A\u001C-\u001F\u007F]/g, "");
}
