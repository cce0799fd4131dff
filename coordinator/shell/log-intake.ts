// Takes in the output of attempts: keeps it, and tells who follows a run, with each line's place in its attempt, so that a
// reader can join what it has read with what comes.

import type { RunId, TaskId } from "../../proto/ids.ts";
import type { LogLine } from "../../proto/view.ts";
import type { LogText } from "../../sdk/wire/worker-items.ts";
import type { LogStore } from "../ports/log-store.ts";
import type { Assignment } from "./assignment.ts";

/** `from` is how many lines the attempt had before these; null where nobody knows. */
export type LinesTaken = {
  readonly task: TaskId;
  readonly attempt: number;
  readonly from: number | null;
  readonly lines: readonly LogLine[];
};

export class LogIntake {
  readonly #logs: LogStore;
  readonly #followers = new Map<RunId, Set<(taken: LinesTaken) => void>>();

  constructor(logs: LogStore) {
    this.#logs = logs;
  }

  take(assignment: Assignment, texts: readonly LogText[]): void {
    const { run, task, attempt, lines: from } = assignment;
    const lines = texts.map(({ stream, atMs, text }) => ({ run, task, attempt, stream, atMs, text }));
    if (from !== null) assignment.lines = from + lines.length;
    this.#logs.append(run, task, attempt, lines);
    for (const follower of this.#followers.get(run) ?? []) follower({ task, attempt, from, lines });
  }

  follow(run: RunId, follower: (taken: LinesTaken) => void): () => void {
    const followers = this.#followers.get(run) ?? new Set();
    this.#followers.set(run, followers);
    followers.add(follower);
    return () => {
      followers.delete(follower);
      if (followers.size === 0 && this.#followers.get(run) === followers) this.#followers.delete(run);
    };
  }
}
