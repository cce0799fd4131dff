// One execution of a step, as it was when it was read.

import { inspect } from "node:util";
import type { Failure } from "../../proto/failure.ts";
import { describeFailure } from "../../proto/failure.ts";
import type { TaskId } from "../../proto/ids.ts";
import type { AttemptView, LogLine, TaskStatus, TaskView } from "../../proto/view.ts";
import { Artifact } from "./artifact.ts";
import type { Session } from "./connection.ts";
import { dataOf, type DataOf } from "./data.ts";
import type { Step } from "./step.ts";

export class Task<F = unknown> {
  readonly parent: Step<F>;
  readonly #session: Session;
  readonly #view: TaskView;

  constructor(session: Session, view: TaskView, parent: Step<F>) {
    this.#session = session;
    this.#view = view;
    this.parent = parent;
  }

  /** `train/2`. */
  get id(): TaskId {
    return this.#view.task;
  }
  get pathspec(): string {
    return `${this.#view.run}/${this.#view.task}`;
  }
  get status(): TaskStatus {
    return this.#view.status;
  }
  get finished(): boolean {
    return ["succeeded", "failed", "cancelled"].includes(this.#view.status);
  }
  /** False for a task whose failure was caught, although its run went on. */
  get successful(): boolean {
    return this.#view.status === "succeeded" && !this.#view.caught;
  }
  /** Indexes of the foreach around it, outermost first; empty outside any. */
  get indexes(): readonly number[] {
    return this.#view.frames.map((frame) => frame.index);
  }
  /** Index in the innermost foreach; null outside any. */
  get index(): number | null {
    return this.indexes.at(-1) ?? null;
  }
  get attempts(): readonly AttemptView[] {
    return this.#view.attempts;
  }
  /** Number of the last attempt, counted from 0; null before the first. */
  get currentAttempt(): number | null {
    return this.#view.attempts.at(-1)?.attempt ?? null;
  }
  get createdAt(): Date | null {
    const first = this.#view.attempts[0];
    return first === undefined ? null : new Date(first.startedAtMs);
  }
  get finishedAt(): Date | null {
    const at = this.finished ? this.#view.attempts.at(-1)?.finishedAtMs : null;
    return at === null || at === undefined ? null : new Date(at);
  }
  /** Why the last attempt did not succeed; null if it did. */
  get failure(): Failure | null {
    return this.#view.attempts.at(-1)?.failure ?? null;
  }
  /** Pathspec of the task whose outcome this one took over; null if it ran itself. */
  get originPathspec(): string | null {
    return this.#view.reusedFrom === null ? null : `${this.#view.reusedFrom}/${this.#view.task}`;
  }
  get tags(): readonly string[] {
    return this.parent.tags;
  }
  /** Everything that is visible after the task; `task.data.model` reads when touched. */
  get data(): DataOf<F> {
    return dataOf<F>(this.#view.artifacts, this.#session.connection.store);
  }
  /** The public artifacts; `produced` tells which of them this task set. */
  get artifacts(): readonly Artifact[] {
    return Object.keys(this.#view.artifacts)
      .filter((name) => !name.startsWith("_"))
      .map((name) => this.artifact(name));
  }
  get produced(): readonly string[] {
    return this.#view.produced;
  }

  /** @throws Error naming the artifacts that there are */
  artifact<T = unknown>(name: string): Artifact<T> {
    const ref = this.#view.artifacts[name];
    if (ref === undefined)
      throw new Error(`${this.pathspec} has no artifact "${name}"; it has ${Object.keys(this.#view.artifacts).join(", ") || "none"}`);
    return new Artifact<T>(this.#session, `${this.pathspec}/${name}`, ref);
  }

  async stdout(attempt?: number): Promise<string> {
    return this.#text("stdout", attempt);
  }
  async stderr(attempt?: number): Promise<string> {
    return this.#text("stderr", attempt);
  }
  /** Captured lines with their times, of the last attempt unless one is given. */
  logLines(
    options: { readonly attempt?: number | "latest" | "all"; readonly stream?: "stdout" | "stderr"; readonly follow?: boolean } = {},
  ): AsyncIterable<LogLine> {
    return this.#session.connection.control.logs({ run: this.#view.run, task: this.#view.task, ...options });
  }

  async parentTasks(): Promise<readonly Task<F>[]> {
    return this.#related(this.#view.parents);
  }
  async childTasks(): Promise<readonly Task<F>[]> {
    return this.#related(this.#view.children);
  }

  toJSON(): object {
    const { run: _run, task: _task, artifacts, ...rest } = this.#view;
    return { pathspec: this.pathspec, ...rest, artifacts: Object.keys(artifacts) };
  }

  [inspect.custom](): string {
    const failure = this.failure;
    return `Task ${this.pathspec} ${this.status}${failure === null ? "" : ` (${describeFailure(failure)})`}`;
  }

  async #text(stream: "stdout" | "stderr", attempt: number | undefined): Promise<string> {
    const lines: string[] = [];
    for await (const line of this.logLines({ stream, ...(attempt !== undefined && { attempt }) })) lines.push(`${line.text}\n`);
    return lines.join("");
  }

  async #related(tasks: readonly TaskId[]): Promise<readonly Task<F>[]> {
    return Promise.all(tasks.map((task) => this.parent.parent.task(task)));
  }
}
