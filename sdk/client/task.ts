// One execution of a step, as it was when it was read.

import { inspect } from "node:util";
import type { Failure } from "../../proto/failure.ts";
import { describeFailure } from "../../proto/failure.ts";
import type { TaskId } from "../../proto/ids.ts";
import type { AttemptView, LogLine, TaskStatus, TaskView } from "../../proto/view.ts";
import { Artifact } from "./artifact.ts";
import type { CardComponent } from "../card/component.ts";
import { readCard } from "../card/read-card.ts";
import type { Session } from "./connection.ts";
import { nearest } from "../flow/nearest.ts";
import { dataOf, isPrivate, type AnyFlow, type DataOf } from "./data.ts";
import { following } from "./following.ts";
import type { Step } from "./step.ts";

export type TaskLogsOptions = {
  /** Number of the attempt, counted from 0; the latest by default. */
  readonly attempt?: number | "latest" | "all";
  readonly stream?: "stdout" | "stderr";
  /** Go on until the task has ended. */
  readonly follow?: boolean;
};

export class Task<F = AnyFlow> {
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
  /** Whether its failure was caught: the run goes on, and what the step had set until then is kept. */
  get caught(): boolean {
    return this.#view.caught;
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
  /** Oldest first: times in milliseconds since 1970, worker, outcome, failure, usage. Empty where the outcome was taken over. */
  get attempts(): readonly AttemptView[] {
    return this.#view.attempts;
  }
  /** Number of the last attempt, counted from 0; null before the first. */
  get currentAttempt(): number | null {
    return this.#view.attempts.at(-1)?.attempt ?? null;
  }
  /** When its first attempt started. */
  get createdAt(): Date | null {
    const first = this.#view.attempts[0];
    return first === undefined ? null : new Date(first.startedAtMs);
  }
  /** When it ended; null while it has not, and where its outcome was taken over. */
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
  /** Everything that is visible after the task; `task.data.model` reads when touched. @throws Error while it has not succeeded */
  get data(): DataOf<F> {
    if (this.#view.status !== "succeeded") throw new Error(`${this.pathspec} is ${this.#describeStatus()}: it has no artifacts`);
    return dataOf<F>(this.#view.artifacts, this.#session.connection.storeOf(this.#view.run));
  }
  /** The public artifacts; `produced` tells which of them this task set. */
  get artifacts(): readonly Artifact<unknown, F>[] {
    return Object.keys(this.#view.artifacts)
      .filter((name) => !isPrivate(name))
      .map((name) => this.artifact(name));
  }
  /** Names of the artifacts that the task itself set. */
  get produced(): readonly string[] {
    return this.#view.produced;
  }

  /** What the step put on its card; null where it put nothing. Read when touched. @throws CardError, ArtifactStoreError */
  get card(): readonly CardComponent[] | null {
    return readCard(this.#view, this.#session.connection.storeOf(this.#view.run));
  }
  /** The card as one page that needs nothing else and runs nothing; null where the task has no card. */
  async cardHtml(): Promise<string | null> {
    const components = this.card;
    if (components === null) return null;
    const { cardPage } = await import("../card/page.ts");
    return cardPage(this.pathspec, components);
  }

  /** @throws Error naming the artifacts that there are */
  artifact<T = unknown>(name: string): Artifact<T, F> {
    const ref = Object.hasOwn(this.#view.artifacts, name) ? this.#view.artifacts[name] : undefined;
    if (ref !== undefined) return new Artifact<T, F>(this.#session, this, { name, ref });
    if (this.#view.status !== "succeeded") throw new Error(`${this.pathspec} is ${this.#describeStatus()}: it has no artifacts`);
    const names = Object.keys(this.#view.artifacts);
    const close = nearest(name, names);
    const hint = close !== null ? `did you mean "${close}"?` : names.length === 0 ? "it has none" : `it has ${names.join(", ")}`;
    throw new Error(`${this.pathspec} has no artifact "${name}"; ${hint}`);
  }

  [Symbol.iterator](): Iterator<Artifact<unknown, F>> {
    return this.artifacts[Symbol.iterator]();
  }

  /** What the attempt printed, the last one unless another is given. */
  async stdout(attempt?: number): Promise<string> {
    return this.#text("stdout", attempt);
  }
  async stderr(attempt?: number): Promise<string> {
    return this.#text("stderr", attempt);
  }
  /** Captured lines with their times. Those of a task that was taken over are its original's. */
  logLines(options: TaskLogsOptions = {}): AsyncIterable<LogLine> {
    const run = this.#view.reusedFrom ?? this.#view.run;
    return following(this.#session.connection.control.logs({ run, task: this.#view.task, ...options }));
  }

  get parentTaskPathspecs(): readonly string[] {
    return this.#view.parents.map((task) => `${this.#view.run}/${task}`);
  }
  get childTaskPathspecs(): readonly string[] {
    return this.#view.children.map((task) => `${this.#view.run}/${task}`);
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
    const tries = this.attempts.length > 1 ? ` · ${this.attempts.length} attempts` : "";
    const origin = this.originPathspec;
    return `Task ${this.pathspec} · ${this.#describeStatus()}${tries}${origin === null ? "" : ` · taken over from ${origin}`}`;
  }

  #describeStatus(): string {
    const failure = this.failure;
    const status = this.caught ? "caught" : this.status;
    return failure === null ? status : `${status} (${describeFailure(failure)})`;
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
