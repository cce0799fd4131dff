// The ways in which a run is shown while it goes on. Each gets the same changes and lines, in the same order.

import type { RecordedEvent } from "../../proto/event.ts";
import { isFailureLine } from "../../proto/failure-lines.ts";
import type { RunId } from "../../proto/ids.ts";
import type { LogLine } from "../../proto/view.ts";
import { cut } from "../format/table.ts";
import type { TimeZone } from "../format/time.ts";
import type { Sink } from "../terminal.ts";
import { eventDocument, logDocument } from "./event-documents.ts";
import { PlainLines, progressEveryMs } from "./plain-lines.ts";
import type { Change, RunProgress } from "./progress.ts";
import { Screen, harmless } from "./screen.ts";
import { ScrollLines } from "./scroll-lines.ts";
import type { Selection } from "./selection.ts";
import { progressOn, SeldomTold } from "./told-progress.ts";
import { windowLines } from "./window.ts";

export interface Presenter {
  recorded(event: RecordedEvent, change: Change | null): void;
  line(line: LogLine): void;
  /** Something that the command itself has to say; `hints` is what the keys do from now on. */
  note(text: string, hints?: string): void;
  /** Takes the window away; nothing comes after it. */
  close(): void;
}

export type Look = {
  readonly sink: Sink;
  readonly zone: TimeZone;
  readonly nowMs: () => number;
  /** What the keys do. */
  readonly hints: string;
  /** What stands below the window for now. */
  readonly help: () => readonly string[];
  /** On GitHub, whose pages fold what belongs to a group, so that the summary is seen first. */
  readonly group: string | null;
};

/** Time between two pictures of the window. */
const frameMs = 100;

export class WindowPresenter implements Presenter {
  readonly #progress: RunProgress;
  readonly #scroll: ScrollLines;
  readonly #screen: Screen;
  readonly #look: Look;
  readonly #timer: NodeJS.Timeout;
  #pending: string[] = [];
  #hints: string;

  constructor(progress: RunProgress, selection: Selection, look: Look) {
    this.#hints = look.hints;
    this.#progress = progress;
    this.#scroll = new ScrollLines(progress, selection, { paint: look.sink.paint, zone: look.zone });
    this.#screen = new Screen(look.sink);
    this.#look = look;
    this.#timer = setInterval(() => this.#draw(), frameMs);
    this.#timer.unref();
  }

  recorded(_event: RecordedEvent, change: Change | null): void {
    if (change !== null) this.#pending.push(...this.#scroll.of(change));
  }

  line(line: LogLine): void {
    // The window shows progress beside the step, and a failure has a line of its own.
    if (progressOn(line) === null && !isFailureLine(line)) this.#pending.push(logLineText(line, this.#look.sink));
  }

  note(text: string, hints: string = this.#hints): void {
    this.#pending.push(text);
    this.#hints = hints;
    this.#draw();
  }

  /** What somebody asked for by a key. */
  answer(lines: readonly string[]): void {
    this.#pending.push(...lines);
    this.#draw();
  }

  close(): void {
    clearInterval(this.#timer);
    if (this.#pending.length > 0) this.#screen.update(this.#pending, []);
    this.#pending = [];
    this.#screen.close();
  }

  #draw(): void {
    const { sink, nowMs } = this.#look;
    const window = windowLines(this.#progress, {
      columns: sink.columns(),
      rows: sink.rows(),
      paint: sink.paint,
      nowMs: nowMs(),
      hints: this.#hints,
    });
    const help = this.#look.help().map((line) => cut(` ${line}`, sink.columns() - 1));
    this.#screen.update(this.#pending, [...window, ...help]);
    this.#pending = [];
  }
}

export class PlainPresenter implements Presenter {
  readonly #lines: PlainLines;
  readonly #told = new SeldomTold(progressEveryMs);
  readonly #look: Look;
  readonly #timer: NodeJS.Timeout;
  #groupOpen = false;

  constructor(progress: RunProgress, selection: Selection, look: Look) {
    if (look.group !== null) look.sink.write(`::group::${look.group}\n`);
    this.#groupOpen = look.group !== null;
    this.#lines = new PlainLines(progress, selection);
    this.#look = look;
    this.#timer = setInterval(() => this.#write(this.#lines.tick(look.nowMs())), progressEveryMs);
    this.#timer.unref();
  }

  recorded(_event: RecordedEvent, change: Change | null): void {
    if (change === null) return;
    // A word may be heard before the start of its task is.
    if ("task" in change && change.kind !== "taskStarted") this.#told.forget(change.task);
    this.#write(this.#lines.of(change));
  }

  line(line: LogLine): void {
    // The failure has a line of its own.
    if (isFailureLine(line)) return;
    const told = progressOn(line);
    if (told === null || this.#told.isShown(line, told)) this.#write([logLineText(line, this.#look.sink)]);
  }

  note(text: string): void {
    this.#write([text]);
  }

  close(): void {
    clearInterval(this.#timer);
    if (this.#groupOpen) this.#write(["::endgroup::"]);
    this.#groupOpen = false;
  }

  #write(lines: readonly string[]): void {
    if (lines.length > 0) this.#look.sink.write(`${lines.join("\n")}\n`);
  }
}

/** One JSON object a line; what the command itself has to say goes to stderr. */
export class JsonLinesPresenter implements Presenter {
  readonly #run: RunId;
  readonly #out: Sink;
  readonly #err: Sink;

  constructor(run: RunId, sinks: { readonly out: Sink; readonly err: Sink }) {
    this.#run = run;
    this.#out = sinks.out;
    this.#err = sinks.err;
  }

  recorded(event: RecordedEvent, change: Change | null): void {
    this.#out.write(`${JSON.stringify(eventDocument(this.#run, event, change))}\n`);
  }

  line(line: LogLine): void {
    this.#out.write(`${JSON.stringify(logDocument(line))}\n`);
  }

  note(text: string): void {
    this.#err.write(`${text}\n`);
  }

  close(): void {}
}

export class SilentPresenter implements Presenter {
  recorded(): void {}
  line(): void {}
  note(): void {}
  close(): void {}
}

/** `train/2 | epoch 12 loss=0.031`. */
function logLineText(line: LogLine, sink: Sink): string {
  const { paint } = sink;
  const bar = line.stream === "stdout" ? paint.dim("|") : paint.yellow("|");
  const text = sink.isTTY ? harmless(line.text) : line.text;
  return `${paint.cyan(line.task)} ${bar} ${line.stream === "system" ? paint.dim(text) : text}`;
}
