// What `@catchError({ var })` leaves in its variable, as its reader sees it: the failure of a task, as an Error.

import type { CaughtRef } from "../../proto/artifact.ts";
import { describeFailure } from "../../proto/failure.ts";
import type { Failure, FailureKind } from "../../proto/failure.ts";
import type { TaskId } from "../../proto/ids.ts";

export class TaskError extends Error {
  override readonly name = "TaskError";
  readonly kind: FailureKind;
  readonly failure: Failure;
  readonly task: TaskId;
  /** Counted from 0: the attempt that failed last. */
  readonly attempt: number;

  constructor(caught: CaughtRef) {
    super(describeFailure(caught.failure));
    this.kind = caught.failure.kind;
    this.failure = caught.failure;
    this.task = caught.task;
    this.attempt = caught.attempt;
    // Where it was read says nothing; where it was thrown does.
    this.stack = caught.failure.kind === "userError" ? caught.failure.stack : `${this.name}: ${this.message}`;
  }
}
