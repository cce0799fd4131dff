// Captured output in this process's memory: for tests.

import type { LogsQuery } from "../../proto/control.ts";
import type { RunId, TaskId } from "../../proto/ids.ts";
import type { LogLine } from "../../proto/view.ts";
import type { LogStore } from "../ports/log-store.ts";
import { mergeByTime } from "./log-merge.ts";
import { isLineAskedFor, selectAttempts, type LoggedAttempt } from "./log-selection.ts";

type Attempt = LoggedAttempt & { readonly lines: LogLine[] };

export class MemoryLogStore implements LogStore {
  readonly #runs = new Map<RunId, Map<string, Attempt>>();

  // oxlint-disable-next-line max-params -- the port has four, all of which every call needs
  append(run: RunId, task: TaskId, attempt: number, lines: readonly LogLine[]): void {
    if (lines.length === 0) return;
    const attempts = this.#runs.get(run) ?? new Map<string, Attempt>();
    this.#runs.set(run, attempts);
    const key = `${task}/${attempt}`;
    const kept = attempts.get(key) ?? { task, attempt, lines: [] };
    attempts.set(key, kept);
    kept.lines.push(...lines);
  }

  async flush(): Promise<void> {}

  read(query: LogsQuery): AsyncIterable<LogLine> {
    const attempts = selectAttempts(query, [...(this.#runs.get(query.run)?.values() ?? [])]);
    return mergeByTime(attempts.map(({ lines }) => ({ firstMs: lines[0]?.atMs ?? 0, open: () => linesOf(query, lines) })));
  }

  async remove(run: RunId): Promise<void> {
    this.#runs.delete(run);
  }

  async close(): Promise<void> {}
}

async function* linesOf(query: LogsQuery, lines: readonly LogLine[]): AsyncGenerator<LogLine, void, undefined> {
  for (const line of lines) if (isLineAskedFor(query, line)) yield line;
}
