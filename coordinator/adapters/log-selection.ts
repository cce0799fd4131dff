// Which attempts' logs a query asks for, and in which order they stand where their times are equal.

import type { LogsQuery } from "../../proto/control.ts";
import { stepOf, type TaskId } from "../../proto/ids.ts";
import type { LogLine } from "../../proto/view.ts";

export type LoggedAttempt = { readonly task: TaskId; readonly attempt: number };

function isTaskAskedFor(query: LogsQuery, task: TaskId): boolean {
  if (query.task !== undefined) return query.task === task;
  return query.step === undefined || query.step === stepOf(task);
}

export function isLineAskedFor(query: LogsQuery, line: LogLine): boolean {
  return query.stream === undefined || query.stream === line.stream;
}

/** In the order of step, indexes and attempt. */
export function selectAttempts<A extends LoggedAttempt>(query: LogsQuery, attempts: readonly A[]): readonly A[] {
  const asked = attempts.filter(({ task }) => isTaskAskedFor(query, task)).sort(byPlace);
  const { attempt = "latest" } = query;
  if (attempt === "all") return asked;
  if (attempt === "latest") return asked.filter(({ task }, i) => asked[i + 1]?.task !== task);
  return asked.filter((logged) => logged.attempt === attempt);
}

function byPlace(a: LoggedAttempt, b: LoggedAttempt): number {
  const [stepA, stepB] = [stepOf(a.task), stepOf(b.task)];
  if (stepA !== stepB) return stepA < stepB ? -1 : 1;
  return byIndexes(indexesOf(a.task), indexesOf(b.task)) || a.attempt - b.attempt;
}

function indexesOf(task: TaskId): readonly number[] {
  return task
    .slice(task.indexOf("/") + 1)
    .split(".")
    .map(Number);
}

function byIndexes(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const difference = (a[i] ?? -1) - (b[i] ?? -1);
    if (difference !== 0) return difference;
  }
  return 0;
}
