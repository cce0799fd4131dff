// Follows a run to its end: its events and the output of its tasks go to a presenter.
//
// Invariants:
// W1. Everything that is shown comes from the run's own events and lines; nothing is polled.
// W2. All lines of the tasks that are shown are out before the summary.

import type { Control } from "../../proto/control.ts";
import { isFailureLine } from "../../proto/failure-lines.ts";
import type { RunId, StepName, TaskId } from "../../proto/ids.ts";
import { stepOf } from "../../proto/ids.ts";
import type { LogLine, RunView } from "../../proto/view.ts";
import type { Presenter } from "./presenter.ts";
import type { Change, RunProgress } from "./progress.ts";
import { progressOn } from "./told-progress.ts";
import { troublesShownMax, type Selection } from "./selection.ts";

export type LogsChoice = "auto" | "all" | "failed" | "none";

export type Watched = {
  readonly control: Control;
  readonly run: RunId;
  readonly progress: RunProgress;
  readonly selection: Selection;
  readonly presenter: Presenter;
  /** Asked before each line; that output is followed at all is decided at the beginning. */
  readonly logs: () => LogsChoice;
};

/** Lines of a failed attempt that `--logs failed` shows. */
const failedLinesMax = 200;

/** What is known already and left out: events up to one, and output from before a moment. */
export type Known = { readonly afterSeq?: number; readonly sinceMs?: number };

/** Resolves with the finished run. */
export async function watchRun(watched: Watched, { afterSeq = 0, sinceMs = 0 }: Known = {}): Promise<RunView> {
  const { control, run, progress, selection, presenter } = watched;
  const live = followsLogs(watched.logs()) ? followLogs(watched, sinceMs) : Promise.resolve();
  const failed = new FailedLogs(watched);
  // The caller sees the events' error first; the rejection of `live` must not go unhandled meanwhile.
  live.catch(() => undefined);
  for await (const recorded of control.events(run, 0)) {
    const change = progress.apply(recorded);
    if (change?.kind === "taskStarted") selection.admit(change.task);
    if (recorded.seq <= afterSeq) continue;
    presenter.recorded(recorded, change);
    if (change?.kind === "taskFailed" && watched.logs() === "failed") failed.show(change);
  }
  await live;
  await failed.done();
  return control.run(run);
}

export function followsLogs(logs: LogsChoice): boolean {
  return logs === "auto" || logs === "all";
}

async function followLogs({ control, run, progress, selection, presenter, logs }: Watched, sinceMs: number): Promise<void> {
  const left = new Set<StepName>();
  for await (const line of control.logs({ run, attempt: "all", follow: true })) {
    if (line.atMs < sinceMs) continue;
    const told = progressOn(line);
    if (told !== null) progress.told.hear(line.task, told);
    const choice = logs();
    if (choice === "none") continue;
    if (choice === "all" || selection.admit(line.task)) presenter.line(line);
    else if (told === null && !isFailureLine(line) && !left.has(stepOf(line.task))) presenter.line(leftOut(line, left));
  }
}

function leftOut(line: LogLine, left: Set<StepName>): LogLine {
  const step = stepOf(line.task);
  left.add(step);
  return {
    ...line,
    stream: "system",
    text: `output of further ${step} tasks is kept but not shown: stepwell logs ${line.run}/${step}, or run with --logs all`,
  };
}

/** Shows the output of failed attempts one after the other, without holding up the events. */
class FailedLogs {
  readonly #watched: Watched;
  #last: Promise<void> = Promise.resolve();

  constructor(watched: Watched) {
    this.#watched = watched;
  }

  show({ task, attempt }: Extract<Change, { kind: "taskFailed" }>): void {
    if (this.#watched.selection.troubles(task) <= troublesShownMax) this.#last = this.#last.then(() => this.#print(task, attempt));
  }

  done(): Promise<void> {
    return this.#last;
  }

  async #print(task: TaskId, attempt: number): Promise<void> {
    const { control, run, presenter } = this.#watched;
    const lines: LogLine[] = [];
    for await (const line of control.logs({ run, task, attempt })) {
      lines.push(line);
      if (lines.length > failedLinesMax) lines.shift();
    }
    for (const line of lines) presenter.line(line);
  }
}
