// Append-only lines for pipes and CI: one for each thing that matters, and progress at most every thirty seconds, so
// that a run of ten thousand tasks stays readable.

import { describeFailure, type Failure } from "../../proto/failure.ts";
import { stepOf, type TaskId } from "../../proto/ids.ts";
import { unreachable } from "../../proto/unreachable.ts";
import { formatDuration } from "../format/duration.ts";
import { formatInstant } from "../format/time.ts";
import { placeOf, placeText } from "../source-path.ts";
import type { Change, RunProgress, StepProgress } from "./progress.ts";
import { firstLine, onlyCounted, othersOnlyCounted } from "./scroll-lines.ts";
import type { Selection } from "./selection.ts";
import { isBegun, isDone } from "./window.ts";

export const progressEveryMs = 30_000;

export class PlainLines {
  readonly #progress: RunProgress;
  readonly #selection: Selection;
  #progressAtMs: number | null = null;

  constructor(progress: RunProgress, selection: Selection) {
    this.#progress = progress;
    this.#selection = selection;
  }

  of(change: Change): readonly string[] {
    const lines = this.#changeLines(change);
    return [...lines, ...this.tick(change.atMs)];
  }

  /** Progress of the steps at work, if it is time for it. */
  tick(nowMs: number): readonly string[] {
    this.#progressAtMs ??= nowMs;
    if (nowMs - this.#progressAtMs < progressEveryMs) return [];
    this.#progressAtMs = nowMs;
    return this.#progress.steps
      .filter((step) => isBegun(step) && !isDone(this.#progress, step))
      .map((step) => this.#progressLine(step, nowMs));
  }

  #changeLines(change: Change): readonly string[] {
    switch (change.kind) {
      case "submitted":
        return [this.#runLine(change.atMs, `run submitted${change.originRun === null ? "" : ` origin=${change.originRun}`}`)];
      case "started":
        return [this.#runLine(change.atMs, `run started${change.reused === 0 ? "" : ` reused=${change.reused}`}`)];
      case "taskStarted":
        return [];
      case "taskSucceeded":
        return this.#ended(change, `task ok duration=${formatDuration(change.durationMs)}`);
      case "taskRetrying":
        return this.#trouble(change, `task retrying attempt=${change.attempt + 1} of=${change.attemptsMax}`);
      case "taskCaught":
        return this.#trouble(change, `task caught attempt=${change.attempt + 1}`);
      case "taskFailed":
        return this.#trouble(change, `task FAILED attempt=${change.attempt + 1}`);
      case "taskCancelled":
        return this.#ended(change, "task cancelled");
      case "cancelling":
        return [this.#runLine(change.atMs, `run cancelling by=${JSON.stringify(change.by)}`)];
      case "takenUp":
        return [this.#runLine(change.atMs, `run goes on by=${JSON.stringify(change.by)}`)];
      default:
        return unreachable(change);
    }
  }

  #ended(change: { readonly atMs: number; readonly task: TaskId }, what: string): readonly string[] {
    const shown = this.#selection.end(change.task);
    if (shown === "show") return [this.#taskLine(change, what)];
    return shown === "count" ? [] : [this.#runLine(change.atMs, `${stepOf(change.task)}: ${othersOnlyCounted}`)];
  }

  #trouble(change: { readonly atMs: number; readonly task: TaskId; readonly failure: Failure }, what: string): readonly string[] {
    const shown = this.#selection.trouble(change.task);
    if (shown === "count") return [];
    const line = this.#taskLine(
      change,
      `${what} error=${JSON.stringify(firstLine(describeFailure(change.failure)))}${this.#placeOf(change.failure)}`,
    );
    return shown === "show" ? [line] : [line, this.#runLine(change.atMs, `${stepOf(change.task)}: ${onlyCounted}`)];
  }

  #placeOf(failure: Failure): string {
    const place = placeOf(failure, this.#progress.sourcePath);
    return place === null ? "" : ` at=${placeText(place)}`;
  }

  #progressLine(step: StepProgress, nowMs: number): string {
    const total = this.#progress.total(step);
    const queued = total === null ? 0 : Math.max(0, total.count - step.done - step.running);
    const counts = `running=${step.running} queued=${queued} done=${step.succeeded} failed=${step.failed} total=${total?.count ?? "?"}`;
    return this.#runLine(nowMs, `progress ${step.node.name} ${counts}`);
  }

  #runLine(atMs: number, text: string): string {
    return `${formatInstant(atMs)} ${this.#progress.run} ${text}`;
  }

  #taskLine(change: { readonly atMs: number; readonly task: TaskId }, text: string): string {
    return `${formatInstant(change.atMs)} ${this.#progress.run}/${change.task} ${text}`;
  }
}
