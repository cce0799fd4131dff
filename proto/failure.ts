// Why an attempt of a task did not succeed. One closed union; whether it is retried, and on whose account,
// is decided by its kind in one table.

import { unreachable } from "./unreachable.ts";

/** A place in the author's own source. Lines and columns are counted from 1. */
export type SourcePlace = { readonly file: string; readonly line: number; readonly column: number };

export type Failure =
  /** The step's code threw. `stack` holds the author's frames only. */
  | {
      readonly kind: "userError";
      readonly name: string;
      readonly message: string;
      readonly stack: string;
      readonly place: SourcePlace | null;
    }
  | { readonly kind: "timeout"; readonly afterSeconds: number }
  /** `limitMiB` is null where the operating system, not a limit of the step, ended the process. */
  | { readonly kind: "outOfMemory"; readonly peakMiB: number; readonly limitMiB: number | null }
  | { readonly kind: "signal"; readonly signal: string }
  /** The process ended without reporting a result: `process.exit()` in a step. */
  | { readonly kind: "exit"; readonly code: number }
  /** The worker went silent or its coordinator's process died; says nothing about the step. */
  | { readonly kind: "lost"; readonly worker: string }
  /** It went back before it could end: its worker never received it, or had to leave. Says nothing about the step. */
  | { readonly kind: "returned"; readonly worker: string; readonly why: "undelivered" | "drained" }
  /** The task process could not be started or the code package could not be loaded. */
  | { readonly kind: "start"; readonly message: string }
  /** Artifacts could not be brought from the store, or to it; says nothing about the step. */
  | { readonly kind: "store"; readonly message: string }
  | { readonly kind: "cancelled"; readonly by: string }
  /** A value that cannot be kept. `path` leads to the place inside it: `.layers[2].activation`. */
  | { readonly kind: "refusedArtifact"; readonly artifact: string; readonly path: string; readonly message: string }
  /** The step took a transition that its graph doesn't have, or none. */
  | { readonly kind: "badTransition"; readonly message: string };

export type FailureKind = Failure["kind"];

export type FailureRule = {
  /**
   * `user`: counts against `@retry`; `infrastructure`: against the run's budget for such losses; `nobody`: against neither,
   * up to `returnsMax`; `never`: final.
   */
  readonly retry: "user" | "infrastructure" | "nobody" | "never";
  /** Whether `@catchError` may turn it into a value. */
  readonly catchable: boolean;
  /** What the reader can do. */
  readonly advice: string;
};

/** How often a task may come back at nobody's expense; what is beyond counts as a loss, so that nothing goes round for ever. */
export const returnsMax = 10;

export const failureRules: Readonly<Record<FailureKind, FailureRule>> = {
  userError: { retry: "user", catchable: true, advice: "correct the step, then resume the run" },
  timeout: { retry: "user", catchable: true, advice: "raise @timeout or make the step faster" },
  outOfMemory: {
    retry: "user",
    catchable: true,
    advice: "raise @resources({ memory }), let @retry ask for more with memoryMax, or read less at once",
  },
  signal: { retry: "user", catchable: true, advice: "something killed the task's process; look at its log and at the machine's" },
  exit: { retry: "user", catchable: true, advice: "a step must not call process.exit(); throw an error instead" },
  lost: { retry: "infrastructure", catchable: true, advice: "the machine or the worker died; the task runs again elsewhere" },
  returned: { retry: "nobody", catchable: true, advice: "the task runs again elsewhere, at nobody's expense" },
  start: { retry: "infrastructure", catchable: false, advice: "the message says what could not be started" },
  store: {
    retry: "infrastructure",
    catchable: false,
    advice: "the message says what is wrong with the artifact store; the task runs again",
  },
  cancelled: { retry: "never", catchable: false, advice: "resume the run to go on from here" },
  refusedArtifact: { retry: "never", catchable: true, advice: "keep plain data, typed arrays or files; not functions or class instances" },
  badTransition: { retry: "never", catchable: false, advice: "end every path of the step with return this.next(...)" },
};

/** One line for people, without a trailing full stop. */
export function describeFailure(failure: Failure): string {
  switch (failure.kind) {
    case "userError":
      return failure.message === "" ? failure.name : `${failure.name}: ${failure.message}`;
    case "timeout":
      return `timed out after ${failure.afterSeconds} s`;
    case "outOfMemory":
      return failure.limitMiB === null
        ? `out of memory (peak ${failure.peakMiB} MiB)`
        : `out of memory (peak ${failure.peakMiB} MiB, limit ${failure.limitMiB} MiB)`;
    case "signal":
      return `killed by ${failure.signal}`;
    case "exit":
      return `process ended with code ${failure.code} before the step did`;
    case "lost":
      return `worker ${failure.worker} was lost`;
    case "returned":
      return failure.why === "drained" ? `worker ${failure.worker} left before it ended` : `worker ${failure.worker} never received it`;
    case "start":
      return `could not start: ${failure.message}`;
    case "store":
      return `the artifact store failed: ${failure.message}`;
    case "cancelled":
      return `cancelled by ${failure.by}`;
    case "refusedArtifact":
      return `artifact ${failure.artifact}${failure.path} cannot be kept: ${failure.message}`;
    case "badTransition":
      return failure.message;
    default:
      return unreachable(failure);
  }
}
