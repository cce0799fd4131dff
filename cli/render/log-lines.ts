// `stepwell logs`: captured lines, with the task in front where there are several.

import type { LogLine } from "../../proto/view.ts";
import { pad } from "../format/table.ts";
import { formatInstant } from "../format/time.ts";
import type { Paint } from "../terminal.ts";

export type LogLook = { readonly paint: Paint; readonly prefix: boolean; readonly timestamps: boolean };

/** `train/77  #2 stderr | TypeError: x is undefined`. */
export function logLine(line: LogLine, look: LogLook): string {
  const time = look.timestamps ? `${look.paint.dim(formatInstant(line.atMs))} ` : "";
  if (!look.prefix) return time + line.text;
  const head = `${pad(line.task, 9, "left")} #${line.attempt} ${pad(line.stream, 6, "left")}`;
  return `${time}${line.stream === "stdout" ? look.paint.cyan(head) : look.paint.yellow(head)} | ${line.text}`;
}

/** Keeps the last lines of each task; in the end gives them in the order of time. */
export class Tails {
  readonly #linesMax: number;
  readonly #byTask = new Map<string, { order: number; line: LogLine }[]>();
  #order = 0;

  constructor(linesMax: number) {
    this.#linesMax = linesMax;
  }

  get tasks(): number {
    return this.#byTask.size;
  }

  add(line: LogLine): void {
    const lines = this.#byTask.get(line.task) ?? [];
    lines.push({ order: this.#order, line });
    this.#order += 1;
    if (lines.length > this.#linesMax) lines.shift();
    this.#byTask.set(line.task, lines);
  }

  lines(): readonly LogLine[] {
    return [...this.#byTask.values()]
      .flat()
      .sort((a, b) => a.order - b.order)
      .map((entry) => entry.line);
  }
}
