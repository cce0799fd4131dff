// Takes in the output of attempts: keeps it, and tells who follows a run, with each line's place in its attempt, so that a
// reader can join what it has read with what comes.
//
// I1. A worker's line is taken once, however often it is sent: lines are numbered within their attempt. How many a coordinator
//     before this one had kept is counted when the first one comes.

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
  /** What comes while the lines of an attempt are being counted. */
  readonly #waiting = new WeakMap<Assignment, (() => void)[]>();

  constructor(logs: LogStore) {
    this.#logs = logs;
  }

  /** `from` is the worker's number of the first line. (I1) */
  takeNumbered(assignment: Assignment, from: number, texts: readonly LogText[]): void {
    const { output } = assignment;
    if (output.next === null) return this.#whenCounted(assignment, () => this.takeNumbered(assignment, from, texts));
    const known = Math.max(0, output.next - from);
    if (known >= texts.length) return;
    output.next = from + texts.length;
    this.#take(assignment, known === 0 ? texts : texts.slice(known));
  }

  /** Lines of the coordinator's own, after all others. */
  take(assignment: Assignment, texts: readonly LogText[]): void {
    if (this.#waiting.has(assignment)) this.#whenCounted(assignment, () => this.#take(assignment, texts));
    else this.#take(assignment, texts);
  }

  #whenCounted(assignment: Assignment, then: () => void): void {
    const waiting = this.#waiting.get(assignment);
    if (waiting !== undefined) return void waiting.push(then);
    this.#waiting.set(assignment, [then]);
    void this.#countAndGoOn(assignment);
  }

  async #countAndGoOn(assignment: Assignment): Promise<void> {
    const lines = await this.#count(assignment);
    assignment.lines = lines;
    assignment.output.next = lines ?? 0;
    const waiting = this.#waiting.get(assignment) ?? [];
    this.#waiting.delete(assignment);
    for (const each of waiting) each();
  }

  /** Null where the store cannot tell: lines twice are better than none. */
  async #count({ run, task, attempt }: Assignment): Promise<number | null> {
    let lines = 0;
    try {
      for await (const _ of this.#logs.read({ run, task, attempt })) lines += 1;
      return lines;
    } catch {
      return null;
    }
  }

  #take(assignment: Assignment, texts: readonly LogText[]): void {
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
