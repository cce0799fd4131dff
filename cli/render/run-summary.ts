// The end of a run for people: what came of it, the first failure in the author's own source, and what to type next.

import { describeFailure, failureRules, type Failure, type SourcePlace } from "../../proto/failure.ts";
import { stepOf } from "../../proto/ids.ts";
import { unreachable } from "../../proto/unreachable.ts";
import type { RunView, StepView, TaskCounts } from "../../proto/view.ts";
import { countOfThings, formatCount } from "../format/count.ts";
import { formatDuration } from "../format/duration.ts";
import { cut, widthOf } from "../format/table.ts";
import { placeText, type SourcePath } from "../source-path.ts";
import type { Paint } from "../terminal.ts";

/** Lines of the author's file around a place; numbers are counted from 1. */
export type Excerpt = { readonly place: SourcePlace; readonly lines: readonly { readonly line: number; readonly text: string }[] };

export type SummaryContext = {
  readonly paint: Paint;
  /** Null where the package's source doesn't show the place. */
  readonly excerpt: Excerpt | null;
  /** Tasks that failed for good with the same error, the first included. */
  readonly sameError: number;
  readonly path: SourcePath;
  /** Of the terminal; null where there is none. */
  readonly columns: number | null;
  /** Of a run that went on after an end: when. */
  readonly takenUpAtMs: number | null;
};

/** Of an excerpt where no terminal says how wide it is: a line of generated code may have a megabyte. */
const columnsMax = 120;

export function summaryLines(view: RunView, context: SummaryContext): readonly string[] {
  const { paint } = context;
  const took = tookText(view, context.takenUpAtMs);
  const counts = countsText(view);
  switch (view.status) {
    case "succeeded":
      return [`${paint.green("✓")} ${paint.bold(view.run)} succeeded${took}   ${counts}`];
    case "failed":
      return [`${paint.red("✗")} ${paint.bold(view.run)} failed${took}   ${counts}`, ...failureLines(view, context), ...nextLines(view)];
    case "cancelled":
      return [`${paint.yellow("■")} ${paint.bold(view.run)} cancelled${took}   ${counts}`, ...nextLines(view)];
    case "pending":
    case "running":
      return [`${paint.cyan("▶")} ${paint.bold(view.run)} ${view.status}   ${counts}`];
    default:
      return unreachable(view.status);
  }
}

/** Nobody waited while a run was at rest: what is counted begins when it was taken up. */
function tookText({ submittedAtMs, finishedAtMs }: RunView, takenUpAtMs: number | null): string {
  if (finishedAtMs === null) return "";
  return takenUpAtMs === null
    ? ` after ${formatDuration(finishedAtMs - submittedAtMs)}`
    : ` ${formatDuration(finishedAtMs - takenUpAtMs)} after it was taken up`;
}

/** `997 ok · 3 failed · 2 steps not started`. */
export function countsText(view: RunView): string {
  const { counts } = view;
  const notStarted = view.steps.filter((step) => !hasBegun(step)).length;
  return [
    `${formatCount(counts.succeeded)} ok`,
    ...someOf(counts),
    ...(notStarted > 0 && view.status !== "succeeded" ? [`${countOfThings(notStarted, "step")} not started`] : []),
  ].join(" · ");
}

function someOf(counts: TaskCounts): string[] {
  const kinds = ["failed", "cancelled", "caught", "reused", "retried"] as const;
  return kinds.filter((kind) => counts[kind] > 0).map((kind) => `${formatCount(counts[kind])} ${kind}`);
}

/** A transition that the graph doesn't have, and a store that takes nothing: the message has what to do. */
function saysItself(failure: Failure): boolean {
  return failure.kind === "badTransition" || (failure.kind === "userError" && failure.name === "ArtifactStoreError");
}

function failureLines(view: RunView, context: SummaryContext): readonly string[] {
  const first = view.firstFailure;
  if (first === null) return [];
  const more = context.sameError - 1;
  const others = more > 0 ? `(and ${countOfThings(more, "more task")} with the same error)` : "";
  const [headline, ...further] = describeFailure(first.failure).split("\n").slice(0, 6);
  const lines = [`  ${context.paint.bold(first.task)}   ${context.paint.red(headline ?? "")}`, ...further.map((line) => `     ${line}`)];
  if (context.excerpt !== null) return [...lines, ...excerptLines(context.excerpt, context, others)];
  const advice = saysItself(first.failure) ? [] : [`     ${failureRules[first.failure.kind].advice}`];
  return [
    ...lines,
    ...stackLines(first.failure),
    ...stepPlace(view, context.path),
    ...advice,
    ...(others === "" ? [] : [`     ${others}`]),
  ];
}

function excerptLines(excerpt: Excerpt, { paint, columns, path }: SummaryContext, others: string): readonly string[] {
  const { place } = excerpt;
  const width = Math.max(3, ...excerpt.lines.map(({ line }) => String(line).length));
  const room = Math.max(20, (columns ?? columnsMax) - width - 8);
  // Where the terminal is too narrow for the place, all lines begin further right.
  const from = place.column < room - 4 ? 0 : place.column - Math.floor(room / 2);
  const seen = (text: string) => cut((from === 0 ? text : `…${text.slice(from + 1)}`).replaceAll("\t", " "), room);
  const note = `${placeText({ ...place, file: path(place.file) })}${others === "" ? "" : `  ${others}`}`;
  const caret = " ".repeat(Math.max(0, place.column - 1 - from)) + paint.red("^");
  const margin = `    ${" ".repeat(width)} |`;
  return excerpt.lines.flatMap(({ line, text }) => {
    if (line !== place.line) return [`    ${String(line).padStart(width)} | ${seen(text)}`];
    const beside = widthOf(caret) + 1 + widthOf(note) <= room;
    return [
      `${paint.red("  >")} ${paint.bold(String(line).padStart(width))} | ${seen(text)}`,
      ...(beside ? [`${margin} ${caret} ${note}`] : [`${margin} ${caret}`, `${margin} ${note}`]),
    ];
  });
}

function stackLines(failure: Failure): readonly string[] {
  if (failure.kind !== "userError") return [];
  return failure.stack
    .split("\n")
    .filter((line) => line.trimStart().startsWith("at "))
    .slice(0, 5)
    .map((line) => `     ${line.trim()}`);
}

/** Of the step that failed, where its failure is the step's own and says no place. */
function stepPlace({ firstFailure, graph }: RunView, path: SourcePath): readonly string[] {
  if (firstFailure === null) return [];
  const { task, failure } = firstFailure;
  if (["lost", "returned", "start", "cancelled"].includes(failure.kind) || (failure.kind === "userError" && failure.place !== null))
    return [];
  const node = graph.steps.find((step) => step.name === stepOf(task));
  return node === undefined ? [] : [`     at ${path(node.file)}:${node.line}`];
}

function nextLines(view: RunView): readonly string[] {
  const log = view.firstFailure === null ? [] : [`  log:    stepwell logs ${view.run}/${view.firstFailure.task}`];
  const reuses = view.counts.succeeded === 0 ? "" : `      reuses ${countOfThings(view.counts.succeeded, "finished task")}`;
  return [...log, `  resume: stepwell resume ${view.run}${reuses}`];
}

function hasBegun(step: StepView): boolean {
  return step.startedAtMs !== null || step.counts.succeeded + step.counts.failed + step.counts.cancelled > 0;
}
