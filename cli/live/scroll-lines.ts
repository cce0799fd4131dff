// What scrolls up above the live window: a line for each thing that a person should see go by.

import { countOf } from "../../proto/artifact.ts";
import { describeFailure, type Failure } from "../../proto/failure.ts";
import { stepOf, type TaskId } from "../../proto/ids.ts";
import { unreachable } from "../../proto/unreachable.ts";
import { countOfThings, formatCount } from "../format/count.ts";
import { formatDuration } from "../format/duration.ts";
import { pad } from "../format/table.ts";
import { formatClock, type TimeZone } from "../format/time.ts";
import { placeOf, placeText } from "../source-path.ts";
import type { Paint } from "../terminal.ts";
import type { Change, RunProgress } from "./progress.ts";
import { type Selection, tasksShownMax, troublesShownMax } from "./selection.ts";

/** Said after the last failure of a step that gets a line. */
export const onlyCounted = `after ${troublesShownMax} lines of this kind, further ones are only counted`;

/** Said at the first task of a step that went well and gets no line. */
export const othersOnlyCounted = `lines for the first ${tasksShownMax} tasks, others that go well are only counted`;

type Trouble = Extract<Change, { kind: "taskRetrying" | "taskCaught" | "taskFailed" }>;

export class ScrollLines {
  readonly #progress: RunProgress;
  readonly #selection: Selection;
  readonly #paint: Paint;
  readonly #zone: TimeZone;

  constructor(progress: RunProgress, selection: Selection, look: { readonly paint: Paint; readonly zone: TimeZone }) {
    this.#progress = progress;
    this.#selection = selection;
    this.#paint = look.paint;
    this.#zone = look.zone;
  }

  /** Nothing for what is only counted. */
  of(change: Change): readonly string[] {
    const paint = this.#paint;
    switch (change.kind) {
      case "submitted":
        return [`${paint.cyan("▶")} ${paint.bold(this.#progress.run)}${change.originRun === null ? "" : `  resumes ${change.originRun}`}`];
      case "started":
        return change.reused === 0
          ? []
          : [`${formatClock(change.atMs, this.#zone)} reused ${countOfThings(change.reused, "finished task")}`];
      case "taskStarted":
        return [];
      case "taskSucceeded":
        return this.#ended(change.task, () => this.#succeeded(change));
      case "taskRetrying":
        return this.#trouble(
          change,
          paint.yellow("retrying"),
          `${this.#cause(change.failure)} (attempt ${change.attempt + 1} of ${change.attemptsMax})`,
        );
      case "taskCaught":
        return this.#trouble(change, paint.yellow("caught"), this.#cause(change.failure));
      case "taskFailed":
        return this.#trouble(change, paint.red(paint.bold("FAILED")), this.#cause(change.failure) + this.#placeOf(change.failure));
      case "taskCancelled":
        return this.#ended(change.task, () => this.#line(change, paint.yellow("cancelled"), ""));
      case "cancelling":
        return [`${formatClock(change.atMs, this.#zone)} cancelling${causeOf(change.by)}`];
      case "takenUp":
        return [`${paint.cyan("▶")} ${paint.bold(this.#progress.run)}  goes on, asked by ${change.by}`];
      default:
        return unreachable(change);
    }
  }

  #ended(task: TaskId, line: () => string): readonly string[] {
    const shown = this.#selection.end(task);
    if (shown === "show") return [line()];
    return shown === "count" ? [] : [`         ${this.#paint.dim(`${stepOf(task)}: ${othersOnlyCounted}`)}`];
  }

  #succeeded(change: Extract<Change, { kind: "taskSucceeded" }>): string {
    const { transition } = this.#progress.step(stepOf(change.task)).node;
    const duration = pad(formatDuration(change.durationMs), 6, "right");
    const fanOut =
      change.taken.kind === "foreach" && transition.kind === "foreach"
        ? `   foreach ${formatCount(countOf(change.taken.elements))} over \`${transition.artifact}\``
        : "";
    return this.#line(change, this.#paint.green("ok"), duration + fanOut);
  }

  #trouble(change: Trouble, status: string, text: string): readonly string[] {
    const shown = this.#selection.trouble(change.task);
    if (shown === "count") return [];
    const line = this.#line(change, status, text);
    return shown === "show" ? [line] : [line, `         ${this.#paint.dim(`${stepOf(change.task)}: ${onlyCounted}`)}`];
  }

  #line(change: { readonly atMs: number; readonly task: TaskId }, status: string, text: string): string {
    const line = `${this.#paint.dim(formatClock(change.atMs, this.#zone))} ${pad(change.task, 14, "left")} ${pad(status, 9, "left")} ${text}`;
    return line.trimEnd();
  }

  #placeOf(failure: Failure): string {
    const place = placeOf(failure, this.#progress.sourcePath);
    return place === null ? "" : `  ${placeText(place)}`;
  }

  #cause(failure: Failure): string {
    return firstLine(describeFailure(failure));
  }
}

function causeOf(by: string): string {
  return by.startsWith("--timeout ") ? `: ${by} is over` : `, asked by ${by}`;
}

export function firstLine(text: string): string {
  const end = text.indexOf("\n");
  return end === -1 ? text : text.slice(0, end);
}
