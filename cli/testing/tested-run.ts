// What a test asks of a finished run.

import { taskView } from "../../coordinator/core/task-view.ts";
import { runView } from "../../coordinator/core/view.ts";
import type { RunState } from "../../coordinator/core/state.ts";
import type { RunStatus } from "../../proto/event.ts";
import { describeFailure, type Failure } from "../../proto/failure.ts";
import { parseTaskId } from "../../proto/ids.ts";
import type { AttemptView, TaskStatus } from "../../proto/view.ts";
import type { BlockingReader } from "../../sdk/artifact/store.ts";
import { dataOf, type DataOf } from "../../sdk/client/data.ts";

export type TestedTask<F> = {
  readonly status: TaskStatus;
  readonly caught: boolean;
  readonly attempts: readonly AttemptView[];
  /** Why the last attempt failed; null if it did not. */
  readonly failure: Failure | null;
  readonly data: DataOf<F>;
};

export class TestedRun<F> {
  readonly #state: RunState;
  readonly #store: BlockingReader;

  constructor(state: RunState, store: BlockingReader) {
    this.#state = state;
    this.#store = store;
  }

  get status(): RunStatus {
    return runView(this.#state, null).status;
  }
  /** The first failure that was final; null if there is none. */
  get failure(): Failure | null {
    return runView(this.#state, null).firstFailure?.failure ?? null;
  }
  /** What `end` left. @throws Error that tells why the run has no result */
  get data(): DataOf<F> {
    const { result, status, firstFailure } = runView(this.#state, null);
    if (result !== null) return dataOf<F>(result, this.#store);
    const why = firstFailure === null ? "" : `: ${firstFailure.task} ${describeFailure(firstFailure.failure)}`;
    throw new Error(`the run ${status}${why}`);
  }
  /** In the order in which they became known: `start/0`, `train/0`, `train/1`, … */
  get tasks(): readonly string[] {
    return this.#state.order.map((task) => task.id);
  }

  /** `train/2`. @throws Error naming the tasks that there are */
  task(id: string): TestedTask<F> {
    const view = taskView(this.#state, parseTaskId(id));
    if (view === null) throw new Error(`the run has no task ${id}; it has ${this.tasks.join(", ")}`);
    const { status, caught, attempts } = view;
    return { status, caught, attempts, failure: attempts.at(-1)?.failure ?? null, data: dataOf<F>(view.artifacts, this.#store) };
  }
}
