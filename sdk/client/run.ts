// A run as it was when it was read; `refresh()` reads it again.

import { inspect } from "node:util";
import type { RecordedEvent, RunStatus } from "../../proto/event.ts";
import { describeFailure, type Failure } from "../../proto/failure.ts";
import type { FlowGraph } from "../../proto/graph.ts";
import { parseStepName, parseTaskId, stepOf, type RunId, type TaskId } from "../../proto/ids.ts";
import type { LogLine, RunView } from "../../proto/view.ts";
import type { Session } from "./connection.ts";
import { dataOf, type DataOf } from "./data.ts";
import { Step } from "./step.ts";
import { Task } from "./task.ts";

const finishedStatuses: readonly RunStatus[] = ["succeeded", "failed", "cancelled"];

export class Run<F = unknown> {
  readonly #session: Session;
  #view: RunView;

  constructor(session: Session, view: RunView) {
    this.#session = session;
    this.#view = view;
  }

  /** `TrainFlow/17`. */
  get id(): RunId {
    return this.#view.run;
  }
  get pathspec(): string {
    return this.#view.run;
  }
  get status(): RunStatus {
    return this.#view.status;
  }
  get finished(): boolean {
    return finishedStatuses.includes(this.#view.status);
  }
  get successful(): boolean {
    return this.#view.status === "succeeded";
  }
  get createdAt(): Date {
    return new Date(this.#view.submittedAtMs);
  }
  get finishedAt(): Date | null {
    return this.#view.finishedAtMs === null ? null : new Date(this.#view.finishedAtMs);
  }
  get user(): string {
    return this.#view.user;
  }
  get userTags(): readonly string[] {
    return this.#view.tags;
  }
  get systemTags(): readonly string[] {
    return this.#view.systemTags;
  }
  get tags(): readonly string[] {
    return [...this.#view.tags, ...this.#view.systemTags];
  }
  get graph(): FlowGraph {
    return this.#view.graph;
  }
  get counts(): RunView["counts"] {
    return this.#view.counts;
  }
  /** The run that this one resumed; null if none. */
  get originRun(): RunId | null {
    return this.#view.originRun;
  }
  /** The first failure that was final; null if there is none. */
  get failure(): { readonly task: TaskId; readonly failure: Failure } | null {
    return this.#view.firstFailure;
  }
  /** Parameter values and class constants. */
  get parameters(): DataOf<F> {
    return dataOf<F>(this.#view.parameters, this.#session.connection.store);
  }
  /** What the `end` step left: `run.data.winner`. @throws Error while the run has not succeeded */
  get data(): DataOf<F> {
    if (this.#view.result === null) throw new Error(`${this.id} is ${this.status}: it has no result; read a task's data instead`);
    return dataOf<F>(this.#view.result, this.#session.connection.store);
  }

  get steps(): readonly Step<F>[] {
    return this.#view.steps.map((view) => new Step<F>(this.#session, view, this));
  }

  /** @throws Error naming the steps that there are */
  step(name: string): Step<F> {
    const view = this.#view.steps.find((candidate) => candidate.step === parseStepName(name));
    if (view === undefined) throw new Error(`${this.id} has no step "${name}"; it has ${this.#view.steps.map((s) => s.step).join(", ")}`);
    return new Step<F>(this.#session, view, this);
  }

  /** By its id: `run.task("train/2")`. @throws ControlError notFound */
  async task(id: string): Promise<Task<F>> {
    const task = parseTaskId(id);
    const view = await this.#session.connection.control.task(this.id, task);
    return new Task<F>(this.#session, view, this.step(stepOf(task)));
  }

  async endTask(): Promise<Task<F>> {
    return this.task("end/0");
  }

  logLines(options: { readonly follow?: boolean; readonly attempt?: "latest" | "all" } = {}): AsyncIterable<LogLine> {
    return this.#session.connection.control.logs({ run: this.id, ...options });
  }

  /** Every event of the run, then live ones until it has finished. */
  events(afterSeq = 0): AsyncIterable<RecordedEvent> {
    return this.#session.connection.control.events(this.id, afterSeq);
  }

  async refresh(): Promise<this> {
    this.#view = await this.#session.connection.control.run(this.id);
    return this;
  }

  /** Resolves when the run has finished, with the run as it is then. */
  async wait(): Promise<this> {
    for await (const _event of this.events(this.#view.seq)) {
      // Only the end of the stream matters.
    }
    return this.refresh();
  }

  async cancel(): Promise<void> {
    await this.#session.connection.control.cancel(this.id, this.#view.user);
  }

  async addTags(...tags: string[]): Promise<void> {
    await this.replaceTags({ add: tags });
  }
  async removeTags(...tags: string[]): Promise<void> {
    await this.replaceTags({ remove: tags });
  }
  /** In one step: removes first, then adds. Nothing changes if one of them is not allowed. */
  async replaceTags(change: { readonly add?: readonly string[]; readonly remove?: readonly string[] }): Promise<void> {
    const tags = await this.#session.connection.control.tag(this.id, this.#view.user, {
      add: change.add ?? [],
      remove: change.remove ?? [],
    });
    this.#view = { ...this.#view, tags };
  }

  toJSON(): object {
    const { graph: _graph, parameters: _parameters, result: _result, ...rest } = this.#view;
    return rest;
  }

  [inspect.custom](): string {
    const failed = this.failure;
    return `Run ${this.id} ${this.status}${failed === null ? "" : ` (${failed.task}: ${describeFailure(failed.failure)})`}`;
  }
}
