// A run: as a list tells of it (ListedRun), and whole (Run). Both show it as it was when it was read.

import { inspect } from "node:util";
import type { Artifacts } from "../../proto/artifact.ts";
import { type RecordedEvent, type RunStatus } from "../../proto/event.ts";
import { describeFailure, type Failure } from "../../proto/failure.ts";
import type { FlowGraph } from "../../proto/graph.ts";
import { flowOf, numberOf, parseStepName, parseTaskId, stepOf, type FlowName, type RunId, type TaskId } from "../../proto/ids.ts";
import type { LogLine, RunSummary, RunView, TaskCounts } from "../../proto/view.ts";
import { nearest } from "../flow/nearest.ts";
import { readCode, type RunCode } from "./code.ts";
import type { Session } from "./connection.ts";
import { dataOf, type AnyFlow, type DataOf } from "./data.ts";
import { following } from "./following.ts";
import { Step } from "./step.ts";
import { Task } from "./task.ts";

export type RunLogsOptions = {
  /** Go on until the run has ended. */
  readonly follow?: boolean;
  /** `latest` (of each task) by default. */
  readonly attempt?: "latest" | "all";
  readonly stream?: "stdout" | "stderr";
};

/** What lists know about a run, and what can be asked of it without knowing more. `load()` gives the whole. */
export class ListedRun<F = AnyFlow> {
  readonly #session: Session;
  #summary: RunSummary;

  constructor(session: Session, summary: RunSummary) {
    this.#session = session;
    this.#summary = summary;
  }

  /** `TrainFlow/17`. */
  get id(): RunId {
    return this.#summary.run;
  }
  /** 17 */
  get number(): number {
    return numberOf(this.#summary.run);
  }
  get flow(): FlowName {
    return flowOf(this.#summary.run);
  }
  get pathspec(): string {
    return this.#summary.run;
  }
  /** `pending`, `running`, `succeeded`, `failed` or `cancelled`. */
  get status(): RunStatus {
    return this.#summary.status;
  }
  get finished(): boolean {
    return this.#summary.finishedAtMs !== null;
  }
  get successful(): boolean {
    return this.#summary.status === "succeeded";
  }
  get createdAt(): Date {
    return new Date(this.#summary.submittedAtMs);
  }
  get finishedAt(): Date | null {
    return this.#summary.finishedAtMs === null ? null : new Date(this.#summary.finishedAtMs);
  }
  get user(): string {
    return this.#summary.user;
  }
  get userTags(): readonly string[] {
    return this.#summary.tags;
  }
  get systemTags(): readonly string[] {
    return this.#summary.systemTags;
  }
  /** User and system tags. */
  get tags(): readonly string[] {
    return [...this.#summary.tags, ...this.#summary.systemTags];
  }
  /** Tasks by state. */
  get counts(): TaskCounts {
    return this.#summary.counts;
  }
  /** The run that this one resumed; null if none. */
  get originRun(): RunId | null {
    return this.#summary.originRun;
  }

  isInNamespace(): boolean {
    const { namespace } = this.#session;
    return namespace === null || this.tags.includes(namespace);
  }

  /** The run with its steps, parameters and data, as it is now. @throws ControlError */
  async load(): Promise<Run<F>> {
    return new Run<F>(this.#session, await this.#session.connection.control.run(this.id));
  }

  /** Lines that the tasks printed, those of one task in their order. */
  logLines(options: RunLogsOptions = {}): AsyncIterable<LogLine> {
    return following(this.#session.connection.control.logs({ run: this.id, ...options }));
  }

  /** Every event of the run after number `afterSeq`, then live ones until it has finished. */
  events(afterSeq = 0): AsyncIterable<RecordedEvent> {
    return following(this.#session.connection.control.events(this.id, afterSeq));
  }

  /** Resolves when the run has finished, whatever its status, with the run as it is then. */
  async wait(): Promise<Run<F>> {
    for await (const _event of this.events()) {
      // Only the end of the stream matters.
    }
    return this.load();
  }

  /** Resolves when the wish is recorded; `wait()` for the end. @throws ControlError conflict when the run has ended */
  async cancel(): Promise<void> {
    await this.#session.connection.control.cancel(this.id, { by: this.#session.user });
  }

  /** @throws ControlError invalid */
  async addTags(...tags: string[]): Promise<void> {
    await this.replaceTags({ add: tags });
  }
  /** @throws ControlError invalid */
  async removeTags(...tags: string[]): Promise<void> {
    await this.replaceTags({ remove: tags });
  }
  /**
   * In one step: removes first, then adds. Adding what is there and removing what is not change nothing.
   * @throws ControlError invalid when one of them is not allowed; nothing changes then
   */
  async replaceTags(change: { readonly add?: readonly string[]; readonly remove?: readonly string[] }): Promise<void> {
    const { control } = this.#session.connection;
    const asker = { by: this.#session.user };
    const tags = await control.tag(this.id, asker, { add: change.add ?? [], remove: change.remove ?? [] });
    this.#summary = { ...this.#summary, tags };
  }

  toJSON(): object {
    const { run, ...rest } = this.#summary;
    return { pathspec: run, ...rest };
  }

  [inspect.custom](): string {
    return `Run ${this.id} · ${this.status} · ${describeCounts(this.counts)} · ${this.createdAt.toISOString()} · ${this.user}`;
  }

  /** For a run that was read again. */
  protected renew(summary: RunSummary): void {
    this.#summary = summary;
  }
}

export class Run<F = AnyFlow> extends ListedRun<F> {
  readonly #session: Session;
  #view: RunView;

  constructor(session: Session, view: RunView) {
    super(session, view);
    this.#session = session;
    this.#view = view;
  }

  /** Null while the run waits for its beginning. */
  get startedAt(): Date | null {
    return this.#view.startedAtMs === null ? null : new Date(this.#view.startedAtMs);
  }
  get graph(): FlowGraph {
    return this.#view.graph;
  }
  /** The first failure that was final; null if there is none. A caught failure is not. */
  get failure(): { readonly task: TaskId; readonly failure: Failure } | null {
    const first = this.#view.firstFailure;
    return first === null ? null : { task: first.task, failure: first.failure };
  }
  /** Parameter values and class constants. Asking for a secret one throws: its value is not kept where it could be read. */
  get parameters(): DataOf<F> {
    const { run, parameters, secrets } = this.#view;
    return withoutSecrets(dataOf<F>(openOf(parameters, secrets), this.#session.connection.storeOf(run)), secrets, run);
  }
  /** What is visible after the `end` step: `run.data.winner`. @throws Error while the run has not succeeded, telling why */
  get data(): DataOf<F> {
    if (this.#view.result !== null) return dataOf<F>(this.#view.result, this.#session.connection.storeOf(this.id));
    const failed = this.failure;
    const why = failed === null ? "" : ` (${failed.task}: ${describeFailure(failed.failure)})`;
    throw new Error(
      `${this.id} is ${this.status}${why}: it has no result; read a task's data instead, as (await run.task("start/0")).data`,
    );
  }
  /** In the order of the source. */
  get steps(): readonly Step<F>[] {
    return this.#view.steps.map((view) => new Step<F>(this.#session, view, this));
  }

  [Symbol.iterator](): Iterator<Step<F>> {
    return this.steps[Symbol.iterator]();
  }

  /** @throws Error naming the steps that there are */
  step(name: string): Step<F> {
    const view = this.#view.steps.find((candidate) => candidate.step === name);
    if (view !== undefined) return new Step<F>(this.#session, view, this);
    const names = this.#view.steps.map((step) => step.step);
    const close = nearest(name, names);
    throw new Error(
      `${this.id} has no step "${name}"; ${close === null ? `its steps are ${names.join(", ")}` : `did you mean "${close}"?`}`,
    );
  }

  /** By its id: `run.task("train/2")`. @throws NameError, Error naming the steps that there are, ControlError notFound */
  async task(id: string): Promise<Task<F>> {
    const task = parseTaskId(id);
    const step = this.step(stepOf(task));
    return new Task<F>(this.#session, await this.#session.connection.control.task(this.id, task), step);
  }

  /** The task of the `end` step. @throws ControlError notFound while it is not there */
  async endTask(): Promise<Task<F>> {
    return this.task(`${parseStepName("end")}/0`);
  }

  /** The code that the run was made of. @throws ArtifactStoreError */
  code(): Promise<RunCode> {
    return readCode(this.#session.connection.storeOf(this.id), this.#view.codePackage);
  }

  /** Reads the run again, in place. */
  async refresh(): Promise<this> {
    this.#view = await this.#session.connection.control.run(this.id);
    this.renew(this.#view);
    return this;
  }

  override toJSON(): object {
    const { steps, firstFailure, startedAtMs, codePackage, options } = this.#view;
    return { ...super.toJSON(), startedAtMs, firstFailure, codePackage, options, steps };
  }

  override [inspect.custom](): string {
    const failed = this.failure;
    return `${super[inspect.custom]()}${failed === null ? "" : `\n  ${failed.task}: ${describeFailure(failed.failure)}`}`;
  }
}

function openOf(parameters: Artifacts, secrets: readonly string[]): Artifacts {
  return Object.fromEntries(Object.entries(parameters).filter(([name]) => !secrets.includes(name)));
}

/** `parameters`, where a secret says what it is instead of being undefined. */
function withoutSecrets<T extends object>(parameters: T, secrets: readonly string[], run: RunId): T {
  for (const name of secrets) {
    const get = (): never => {
      throw new Error(`${name} is a secret parameter of ${run}: its value is not kept where it could be read`);
    };
    Object.defineProperty(parameters, name, { enumerable: false, get });
  }
  return parameters;
}

/** `6 ok, 1 failed`; what there is none of is left out. */
function describeCounts(counts: TaskCounts): string {
  const shown = [
    [counts.succeeded, "ok"],
    [counts.failed, "failed"],
    [counts.cancelled, "cancelled"],
    [counts.running, "running"],
    [counts.ready + counts.waiting, "waiting"],
  ] as const;
  const parts = shown.filter(([count]) => count > 0).map(([count, name]) => `${count} ${name}`);
  return parts.length === 0 ? "no tasks" : parts.join(", ");
}
