// The end of a run for people: what came of it, the first failure in the author's own source, and what to type next.

import { describeFailure, failureRules, type Failure, type SourcePlace } from "../../proto/failure.ts";
import { unreachable } from "../../proto/unreachable.ts";
import type { RunView, StepView, TaskCounts } from "../../proto/view.ts";
import { countOfThings, formatCount } from "../format/count.ts";
import { formatDuration } from "../format/duration.ts";
import type { Paint } from "../terminal.ts";

/** Lines of the author's file around a place; numbers are counted from 1. */
export type Excerpt = { readonly place: SourcePlace; readonly lines: readonly { readonly line: number; readonly text: string }[] };

export type SummaryContext = {
  readonly paint: Paint;
  /** Null where the package's source doesn't show the place. */
  readonly excerpt: Excerpt | null;
  /** Tasks that failed for good with the same error, the first included. */
  readonly sameError: number;
};

export function summaryLines(view: RunView, context: SummaryContext): readonly string[] {
  const { paint } = context;
  const took = view.finishedAtMs === null ? "" : ` after ${formatDuration(view.finishedAtMs - view.submittedAtMs)}`;
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

function failureLines(view: RunView, context: SummaryContext): readonly string[] {
  const first = view.firstFailure;
  if (first === null) return [];
  const more = context.sameError - 1;
  const others = more > 0 ? `(and ${countOfThings(more, "more task")} with the same error)` : "";
  const [headline, ...further] = describeFailure(first.failure).split("\n").slice(0, 6);
  const lines = [`  ${context.paint.bold(first.task)}   ${context.paint.red(headline ?? "")}`, ...further.map((line) => `     ${line}`)];
  if (context.excerpt !== null) return [...lines, ...excerptLines(context.excerpt, context.paint, others)];
  // A transition that the graph doesn't have says in its own words what to do.
  const advice = first.failure.kind === "badTransition" ? [] : [`     ${failureRules[first.failure.kind].advice}`];
  return [...lines, ...stackLines(first.failure), ...advice, ...(others === "" ? [] : [`     ${others}`])];
}

function excerptLines(excerpt: Excerpt, paint: Paint, others: string): readonly string[] {
  const { place } = excerpt;
  const width = Math.max(3, ...excerpt.lines.map(({ line }) => String(line).length));
  return excerpt.lines.flatMap(({ line, text }) => {
    if (line !== place.line) return [`    ${String(line).padStart(width)} | ${text}`];
    const caret = " ".repeat(Math.max(0, place.column - 1));
    return [
      `${paint.red("  >")} ${paint.bold(String(line).padStart(width))} | ${text}`,
      `    ${" ".repeat(width)} | ${caret}${paint.red("^")} ${place.file}:${place.line}:${place.column}${others === "" ? "" : `  ${others}`}`,
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

function nextLines(view: RunView): readonly string[] {
  const log = view.firstFailure === null ? [] : [`  log:    stepwell logs ${view.run}/${view.firstFailure.task}`];
  const reuses = view.counts.succeeded === 0 ? "" : `      reuses ${countOfThings(view.counts.succeeded, "finished task")}`;
  return [...log, `  resume: stepwell resume ${view.run}${reuses}`];
}

function hasBegun(step: StepView): boolean {
  return step.startedAtMs !== null || step.counts.succeeded + step.counts.failed + step.counts.cancelled > 0;
}
