// A step of one run and its tasks.

import { inspect } from "node:util";
import { targetsOf } from "../../proto/graph.ts";
import { type StepName, taskIdOf } from "../../proto/ids.ts";
import type { TaskStatus, StepView } from "../../proto/view.ts";
import type { Session } from "./connection.ts";
import type { Run } from "./run.ts";
import { Task } from "./task.ts";

const pageLength = 500;

export class Step<F = unknown> {
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
  get counts(): StepView["counts"] {
    return this.#view.counts;
  }
  get tags(): readonly string[] {
    return this.parent.tags;
  }
  get finishedAt(): Date | null {
    return this.#view.finishedAtMs === null ? null : new Date(this.#view.finishedAtMs);
  }
  /** Steps that lead here. */
  get parentSteps(): readonly StepName[] {
    return this.parent.graph.steps.filter((node) => targetsOf(node.transition).includes(this.id)).map((node) => node.name);
  }
  get childSteps(): readonly StepName[] {
    return this.parent.graph.steps.filter((node) => node.name === this.id).flatMap((node) => [...targetsOf(node.transition)]);
  }

  /** The task outside any foreach, or the one with these foreach indexes. @throws ControlError notFound */
  async task(...indexes: number[]): Promise<Task<F>> {
    const view = await this.#session.connection.control.task(this.parent.id, taskIdOf(this.id, indexes));
    return new Task<F>(this.#session, view, this);
  }

  /** In the order of the foreach indexes; filtered by the coordinator and fetched page by page. */
  async *tasks(options: { readonly status?: readonly TaskStatus[] } = {}): AsyncGenerator<Task<F>> {
    let cursor: string | null = null;
    do {
      const page = await this.#session.connection.control.tasks(this.parent.id, {
        step: this.id,
        limit: pageLength,
        ...options,
        ...(cursor !== null && { cursor }),
      });
      for (const view of page.items) yield new Task<F>(this.#session, view, this);
      cursor = page.next;
    } while (cursor !== null);
  }

  [Symbol.asyncIterator](): AsyncGenerator<Task<F>> {
    return this.tasks();
  }

  toJSON(): object {
    return { pathspec: this.pathspec, ...this.#view };
  }

  [inspect.custom](): string {
    const { succeeded, failed, running } = this.#view.counts;
    return `Step ${this.pathspec} (${succeeded} succeeded, ${failed} failed, ${running} running of ${this.#view.total ?? "?"})`;
  }
}
