// Shows a run from where it is to its end, reacts to interrupts, and turns how it ended into an exit code.

import { stopGraceSeconds } from "../proto/control.ts";
import { describeFailure } from "../proto/failure.ts";
import type { RunId } from "../proto/ids.ts";
import { unreachable } from "../proto/unreachable.ts";
import type { RunView } from "../proto/view.ts";
import { unlessAbandoned } from "./abandoned.ts";
import { exitCodes, type ExitCode } from "./cli-error.ts";
import { printNote, type Context } from "./context.ts";
import { Interrupts, type Interrupt } from "./interrupts.ts";
import { comeBackText } from "./detached.ts";
import { finishedDocument } from "./live/event-documents.ts";
import { Keyboard } from "./live/keyboard.ts";
import { helpLines, keyHints, pressKey, type KeyedWatch } from "./live/keys.ts";
import { JsonLinesPresenter, PlainPresenter, SilentPresenter, WindowPresenter, type Presenter } from "./live/presenter.ts";
import { RunProgress } from "./live/progress.ts";
import { Selection } from "./live/selection.ts";
import { followsLogs, watchRun, type LogsChoice } from "./live/watch.ts";
import { showLogWith } from "./log.ts";
import type { Cluster, Reader } from "./reader.ts";
import { runDocument } from "./render/run-document.ts";
import { summaryLines } from "./render/run-summary.ts";
import { excerptOf } from "./source-excerpt.ts";
import { placeOf, sourcePathOf, type SourcePath } from "./source-path.ts";
import type { Sink } from "./terminal.ts";

export type Followed = {
  readonly run: RunId;
  readonly logs: LogsChoice;
  /** Events up to this one are known to the person; 0 shows all. */
  readonly afterSeq?: number;
  /** When the run was taken up by this command: output from before is known. */
  readonly sinceMs?: number;
  /** Where the run was begun by this command, which then cancels it when interrupted. */
  readonly own?: Cluster;
};

export async function followRun(context: Context, local: Reader, followed: Followed): Promise<ExitCode> {
  const { control } = local;
  const { run, own } = followed;
  const stopped = Promise.withResolvers<"left" | "detached">();
  // A program reads everything or asks for less; a person wants to see the beginning.
  const logs = followed.logs === "auto" && context.settings.output === "jsonl" ? "all" : followed.logs;
  const view = await control.run(run);
  const progress = new RunProgress(run, view.graph, sourcePathOf(view, { dir: context.settings.dir, cwd: context.cwd }));
  progress.takenUpAtMs = followed.sinceMs ?? null;
  const selection = new Selection();
  const keyed: KeyedWatch = {
    progress,
    paint: narrative(context).paint,
    logs: followsLogs(logs) ? logs : null,
    help: false,
    interrupt: own === undefined ? "leaves" : "cancels",
    detach: own?.lasting === true ? () => stopped.resolve("detached") : null,
  };
  const presenter = presenterFor(context, selection, keyed);
  const keyboard = keyboardFor(context, presenter, keyed);
  if (presenter instanceof WindowPresenter) showLogWith((line) => presenter.answer([line]));
  const close = (): void => {
    showLogWith(null);
    keyboard?.close();
    presenter.close();
  };
  tellConnection(local, presenter);
  const interrupts = new Interrupts(context.timeoutMs, {
    first: (interrupt) => interruptFirst(interrupt, { context, local, followed, presenter, progress, stop: stopped.resolve }),
    again: () => stopped.resolve("left"),
  });
  try {
    const watched = watchRun({ control, run, progress, selection, presenter, logs: () => keyed.logs ?? logs }, followed);
    const ended = await Promise.race([unlessAbandoned(watched, { control, run }), stopped.promise]);
    close();
    if (typeof ended === "string") leave(context, followed, ended);
    else await showEnd(context, local, { view: ended, progress });
    if (interrupts.first !== null) return interrupts.first.exit;
    return typeof ended === "string" ? exitCodes.ok : exitOf(ended);
  } finally {
    close();
    interrupts.close();
  }
}

/** Interrupted twice, or while only looking on: the run is left as it is. */
function leave(context: Context, { own, run }: Followed, how: "left" | "detached"): void {
  if (how === "left") own?.kill();
  if (own === undefined) return;
  if (how === "detached") printNote(context, `detached from ${run}: ${comeBackText(run)}`);
  else if (own.lasting) printNote(context, `left ${run}, which the coordinator is cancelling; see stepwell status ${run}`);
  else printNote(context, `killed; ${run} is unfinished, go on with: stepwell resume --in-place ${run}`);
}

/** A coordinator that is away is waited for; whoever watches is told. */
function tellConnection({ connection }: Reader, presenter: Presenter): void {
  if (connection === undefined) return;
  connection.onAway = (reason) => presenter.note(`${reason}; the run may well go on there, trying again`);
  connection.onBack = () => presenter.note("the coordinator answers again");
}

type Reaction = {
  readonly context: Context;
  readonly local: Reader;
  readonly followed: Followed;
  readonly presenter: Presenter;
  readonly progress: RunProgress;
  readonly stop: (how: "left" | "detached") => void;
};

function interruptFirst(interrupt: Interrupt, { context, local, followed, presenter, progress, stop }: Reaction): void {
  if (followed.own === undefined) return stop("left");
  // The terminal is gone, and the run needs none.
  if (interrupt.cause === "SIGHUP" && followed.own.lasting) return stop("detached");
  const tasks = progress.running === 1 ? "1 task" : `${progress.running} tasks`;
  presenter.note(`cancelling, waiting for ${tasks} (grace ${stopGraceSeconds} s); ^C again to kill now`, "^C again kills now");
  const by = interrupt.cause === "timeout" ? `--timeout ${context.options.text("timeout")}` : signalBy(interrupt.cause, context);
  // The run may have ended in this very moment; then there is nothing left to cancel.
  local.control.cancel(followed.run, { by }).catch(() => undefined);
}

function signalBy(signal: string, { settings }: Context): string {
  return `${signal === "SIGINT" ? "Ctrl-C" : signal} of ${settings.user}`;
}

function presenterFor(context: Context, selection: Selection, keyed: KeyedWatch): Presenter {
  const { progress } = keyed;
  const { out, err } = context.terminal;
  if (context.settings.output === "jsonl") return new JsonLinesPresenter(progress.run, { out, err });
  if (context.quiet) return new SilentPresenter();
  const look = {
    sink: narrative(context),
    zone: context.settings.tz,
    nowMs: context.nowMs,
    hints: keyHints(keyed),
    help: () => helpLines(keyed),
    group: context.terminal.githubActions ? progress.run : null,
  };
  return look.sink.live ? new WindowPresenter(progress, selection, look) : new PlainPresenter(progress, selection, look);
}

/** Keys mean something where there is a window to look at. */
function keyboardFor({ terminal }: Context, presenter: Presenter, keyed: KeyedWatch): Keyboard | null {
  if (!(presenter instanceof WindowPresenter) || terminal.keys === null) return null;
  const keys = terminal.keys();
  return keys.isTTY === true ? new Keyboard(keys, (key) => presenter.answer(pressKey(key, keyed))) : null;
}

/** Where the story of a run is told: stdout belongs to the document when one is asked for. */
function narrative(context: Context): Sink {
  return context.settings.output === "json" ? context.terminal.err : context.terminal.out;
}

async function showEnd(context: Context, local: Reader, { view, progress }: { view: RunView; progress: RunProgress }): Promise<void> {
  const { out } = context.terminal;
  if (context.settings.output === "jsonl") return out.write(`${JSON.stringify(finishedDocument(view))}\n`);
  if (context.quiet && context.settings.output !== "json") return out.write(`${view.run}\n`);
  const sink = narrative(context);
  if (!context.quiet) {
    const sameError = view.firstFailure === null ? 0 : progress.failedLike(view.firstFailure.failure);
    const excerpt = await excerptOf(view.firstFailure?.failure ?? null, view.codePackage, local.storeOf(view.run));
    const columns = sink.live ? sink.columns() : null;
    const { takenUpAtMs } = progress;
    sink.write(
      `${summaryLines(view, { paint: sink.paint, excerpt, sameError, columns, takenUpAtMs, path: progress.sourcePath }).join("\n")}\n`,
    );
    if (context.terminal.githubActions) annotate(view, sink, progress.sourcePath);
  }
  if (context.settings.output === "json") out.write(`${JSON.stringify(runDocument(view))}\n`);
}

/** GitHub shows such a line at the place in the pull request. */
function annotate({ firstFailure }: RunView, sink: Sink, path: SourcePath): void {
  const place = firstFailure === null ? null : placeOf(firstFailure.failure, path);
  if (firstFailure === null || place === null) return;
  const message = describeFailure(firstFailure.failure).replaceAll("%", "%25").replaceAll("\r", "%0D").replaceAll("\n", "%0A");
  sink.write(`::error file=${place.file},line=${place.line},col=${place.column}::${message}\n`);
}

function exitOf(view: RunView): ExitCode {
  switch (view.status) {
    case "succeeded":
      return exitCodes.ok;
    case "failed":
    case "cancelled":
      return exitCodes.runFailed;
    case "pending":
    case "running":
      return exitCodes.internal;
    default:
      return unreachable(view.status);
  }
}
