// Draws on a terminal: finished lines scroll up, the window stays below them.
//
// Invariants:
// S1. Between two calls the cursor stands at the start of the line below the window, which is never wider than the terminal was.
// S2. The cursor is visible again after `close`, whatever happened.

import { widthOf } from "../format/table.ts";
import type { Sink } from "../terminal.ts";

const hideCursor = "\u001B[?25l";
const showCursor = "\u001B[?25h";
const eraseBelow = "\u001B[0J";

export class Screen {
  readonly #sink: Sink;
  #window: readonly string[] = [];
  #open = false;

  constructor(sink: Sink) {
    this.#sink = sink;
  }

  /** One write, so that the terminal never shows half of it. */
  update(scrolled: readonly string[], window: readonly string[]): void {
    const cursor = this.#open ? "" : hideCursor;
    this.#open = true;
    this.#sink.write(cursor + this.#erase() + lines(scrolled) + lines(window));
    this.#window = window;
  }

  /** Removes the window; what scrolled stays. */
  close(): void {
    if (!this.#open) return;
    this.#sink.write(this.#erase() + showCursor);
    this.#window = [];
    this.#open = false;
  }

  /** After a resize the old lines may take more rows than they did. */
  #erase(): string {
    const columns = Math.max(1, this.#sink.columns());
    const rows = this.#window.reduce((sum, line) => sum + Math.max(1, Math.ceil(widthOf(line) / columns)), 0);
    return rows === 0 ? "\r" : `\u001B[${rows}A\r${eraseBelow}`;
  }
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
