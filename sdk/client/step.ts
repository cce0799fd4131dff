// A step of one run and its tasks.

import { inspect } from "node:util";
import { targetsOf } from "../../proto/graph.ts";
import { type StepName, taskIdOf } from "../../proto/ids.ts";
import type { LogLine, StepView, TaskCounts, TaskStatus } from "../../proto/view.ts";
import type { AnyFlow } from "./data.ts";
import type { Session } from "./connection.ts";
import { following } from "./following.ts";
import type { Run, RunLogsOptions } from "./run.ts";
import { Task } from "./task.ts";

const pageLength = 500;

export type TasksFilter = {
  readonly status?: TaskStatus | readonly TaskStatus[];
  /** At most this many; all by default. */
  readonly limit?: number;
};

export class Step<F = AnyFlow> {
  readonly parent: Run<F>;
  readonly #session: Session;
  readonly #view: StepView;

  constructor(session: Session, view: StepView, parent: Run<F>) {
    this.#session = session;
    this.#view = view;
    this.parent = parent;
  }

  get id(): StepName {
    return this.#view.step;
  }
  get pathspec(): string {
    return `${this.parent.id}/${this.#view.step}`;
  }
  /** Tasks by state. */
  get counts(): TaskCounts {
    return this.#view.counts;
  }
  /** How many tasks the step will have; null while a foreach around it has not been counted. */
  get total(): number | null {
    return this.#view.total;
  }
  get tags(): readonly string[] {
    return this.parent.tags;
  }
  /** When its first attempt started; null before, and where every task was taken over. */
  get startedAt(): Date | null {
    return this.#view.startedAtMs === null ? null : new Date(this.#view.startedAtMs);
  }
  get finishedAt(): Date | null {
    return this.#view.finishedAtMs === null ? null : new Date(this.#view.finishedAtMs);
  }
  /** What the step's comment says; empty where there is none. */
  get doc(): string {
    return this.parent.graph.steps.find((node) => node.name === this.id)?.doc ?? "";
  }
  /** Steps that lead here. */
  get parentSteps(): readonly StepName[] {
    return this.parent.graph.steps.filter((node) => targetsOf(node.transition).includes(this.id)).map((node) => node.name);
  }
  /** Steps that it may lead to. */
  get childSteps(): readonly StepName[] {
    return this.parent.graph.steps.filter((node) => node.name === this.id).flatMap((node) => targetsOf(node.transition));
  }

  /** `task()` outside any foreach, `task(2)` within one, `task(2, 0)` within two. @throws ControlError notFound */
  async task(...indexes: number[]): Promise<Task<F>> {
    const view = await this.#session.connection.control.task(this.parent.id, taskIdOf(this.id, indexes));
    return new Task<F>(this.#session, view, this);
  }

  /** In the order in which they became known, which is that of the foreach; filtered by the coordinator and fetched page by page. */
  async *tasks(filter: TasksFilter = {}): AsyncGenerator<Task<F>, void, undefined> {
    const { status } = filter;
    let left = filter.limit ?? Number.POSITIVE_INFINITY;
    let cursor: string | null = null;
    while (left > 0) {
      const page = await this.#session.connection.control.tasks(this.parent.id, {
        step: this.id,
        limit: Math.min(left, pageLength),
        ...(status !== undefined && { status: typeof status === "string" ? [status] : status }),
        ...(cursor !== null && { cursor }),
      });
      for (const view of page.items) yield new Task<F>(this.#session, view, this);
      left -= page.items.length;
      cursor = page.next;
      if (cursor === null) return;
    }
  }

  /** Lines that the step's tasks printed, those of one task in their order. */
  logLines(options: RunLogsOptions = {}): AsyncIterable<LogLine> {
    return following(this.#session.connection.control.logs({ run: this.parent.id, step: this.id, ...options }));
  }

  [Symbol.asyncIterator](): AsyncGenerator<Task<F>, void, undefined> {
    return this.tasks();
  }

  toJSON(): object {
    return { pathspec: this.pathspec, ...this.#view };
  }

  [inspect.custom](): string {
    const { succeeded, failed, running } = this.#view.counts;
    const trouble = failed === 0 ? "" : `, ${failed} failed`;
    return `Step ${this.pathspec} · ${succeeded} of ${this.#view.total ?? "?"} ok${trouble}${running === 0 ? "" : `, ${running} running`}`;
  }
}
