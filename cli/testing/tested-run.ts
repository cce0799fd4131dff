// What a test asks of a finished run.

import { inspect } from "node:util";
import { taskView } from "../../coordinator/core/task-view.ts";
import { runView } from "../../coordinator/core/view.ts";
import type { RunState } from "../../coordinator/core/state.ts";
import type { RunStatus } from "../../proto/event.ts";
import { describeFailure, type Failure } from "../../proto/failure.ts";
import { parseTaskId } from "../../proto/ids.ts";
import type { AttemptView, RunView, TaskStatus } from "../../proto/view.ts";
import type { BlockingReader } from "../../sdk/artifact/store.ts";
import { dataOf, type DataOf } from "../../sdk/client/data.ts";
import type { CardComponent } from "../../sdk/card/component.ts";
import { readCard } from "../../sdk/card/read-card.ts";
import { nearest } from "../../sdk/flow/nearest.ts";

export type TestedTask<F> = {
  readonly status: TaskStatus;
  /** Succeeded although its code failed: `@catchError`. */
  readonly caught: boolean;
  /** Oldest first, with times in milliseconds of the test's clock. */
  readonly attempts: readonly AttemptView[];
  /** Why the last attempt failed; null if it did not. */
  readonly failure: Failure | null;
  /** Everything visible after the task. @throws Error while the task has not succeeded */
  readonly data: DataOf<F>;
  /** What the step put on its card; null where it put nothing. */
  readonly card: readonly CardComponent[] | null;
};

export class TestedRun<F> {
  readonly #state: RunState;
  readonly #store: BlockingReader;

  constructor(state: RunState, store: BlockingReader) {
    this.#state = state;
    this.#store = store;
  }

  get status(): RunStatus {
    return this.#view().status;
  }
  /** The first failure that was final; null if there is none. */
  get failure(): Failure | null {
    return this.#view().firstFailure?.failure ?? null;
  }
  /** Parameter values and class constants. */
  get parameters(): DataOf<F> {
    return dataOf<F>(this.#view().parameters, this.#store);
  }
  /** What is visible after `end`. @throws Error that tells why the run has no result, with the author's place */
  get data(): DataOf<F> {
    const { result } = this.#view();
    if (result !== null) return dataOf<F>(result, this.#store);
    throw new Error(`the run has no result: it ${this.#describe()}`);
  }
  /** In the order in which they became known: `start/0`, `train/0`, `train/1`, … */
  get tasks(): readonly string[] {
    return this.#state.order.map((task) => task.id);
  }

  /** `train/2`. @throws NameError, Error naming the tasks that there are */
  task(id: string): TestedTask<F> {
    const view = taskView(this.#state, parseTaskId(id));
    if (view === null) {
      const close = nearest(id, this.tasks);
      throw new Error(`the run has no task ${id}; ${close === null ? `it has ${this.tasks.join(", ")}` : `did you mean ${close}?`}`);
    }
    const { status, caught, attempts, artifacts } = view;
    const failure = attempts.at(-1)?.failure ?? null;
    const store = this.#store;
    return {
      status,
      caught,
      attempts,
      failure,
      get card() {
        return readCard(view, store);
      },
      get data() {
        if (status === "succeeded") return dataOf<F>(artifacts, store);
        throw new Error(`${id} has no artifacts: it is ${status}${failure === null ? "" : `: ${describeFailure(failure)}`}`);
      },
    };
  }

  [inspect.custom](): string {
    return `TestedRun ${this.#describe()} · ${this.tasks.length} tasks`;
  }

  #view(): RunView {
    return runView(this.#state, null);
  }

  #describe(): string {
    const { status, firstFailure } = this.#view();
    if (firstFailure === null) return status;
    const { task, failure } = firstFailure;
    const stack = failure.kind === "userError" ? `\n${failure.stack}` : "";
    return `${status} in ${task}: ${describeFailure(failure)}${stack}`;
  }
}
