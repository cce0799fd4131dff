// Says in the log what happens to runs, tasks, attempts and leases: one line for each change, when it holds.
//
// O1. No value, no parameter and no message of a step's own is in a line: what is secret to a flow stays out of the log.
// O2. Lines of runs, and of attempts that failed, are `info`; what every task does is `debug`. A loss is told by who notices it.

import type { RunEvent } from "../../proto/event.ts";
import type { TaskId } from "../../proto/ids.ts";
import { unreachable } from "../../proto/unreachable.ts";
import type { RunState } from "../core/state.ts";
import { summaryOf } from "../core/view.ts";
import type { Assignment } from "./assignment.ts";
import type { CoordinatorLog, LogFields } from "./log.ts";
import { sequelOf, type Observer, type TaskFailed } from "./observer.ts";

type EventOf<Kind extends RunEvent["kind"]> = Extract<RunEvent, { kind: Kind }>;

export class RunLog implements Observer {
  readonly #log: CoordinatorLog;

  constructor(log: CoordinatorLog) {
    this.#log = log;
  }

  ready(state: RunState, task: TaskId): void {
    this.#log.debug({ event: "task.ready", ...aboutTask(state, task) }, "a task may run");
  }

  assigned(state: RunState, { task, attempt, lease, worker }: Assignment, waitedMs: number): void {
    const fields = { event: "lease.granted", ...aboutTask(state, task), attempt, lease, worker_id: worker };
    this.#log.debug({ ...fields, duration_ms: Math.round(waitedMs) }, "an attempt is given to a worker");
  }

  recorded(state: RunState, events: readonly RunEvent[]): void {
    for (const event of events) this.#recorded(state, event);
  }

  finished(state: RunState): void {
    const { status, counts } = summaryOf(state);
    const { succeeded, failed, cancelled } = counts;
    const durationMs = (state.finishedAtMs ?? 0) - state.submitted.atMs;
    const fields = { event: "run.finished", ...aboutRun(state), status, succeeded, failed, cancelled, duration_ms: durationMs };
    this.#log.info(fields, "the run has finished");
  }

  #recorded(state: RunState, event: RunEvent): void {
    switch (event.kind) {
      case "runSubmitted":
        return this.#submitted(state, event);
      case "tasksReused":
        return this.#log.info(
          { event: "tasks.reused", ...aboutRun(state), tasks: event.tasks.length },
          "the run takes over what succeeded",
        );
      case "runStarted":
        return this.#log.info({ event: "run.started", ...aboutRun(state) }, "the run has begun");
      case "taskStarted":
        return this.#started(state, event);
      case "taskSucceeded":
        return this.#succeeded(state, event);
      case "taskFailed":
        return this.#failed(state, event);
      case "retryDue":
        return this.#log.debug(
          { event: "task.retryDue", ...aboutTask(state, event.task), attempt: event.attempt },
          "the wait before another attempt is over",
        );
      case "cancelRequested":
        return this.#log.info({ event: "run.cancelRequested", ...aboutRun(state), by: event.by }, "the run is to be cancelled");
      case "retryRequested":
        return this.#log.info(
          { event: "run.retryRequested", ...aboutRun(state), by: event.by, tasks: event.tasks?.length ?? null },
          "failed and cancelled tasks of the run become ready again",
        );
      case "tagsChanged":
        return this.#log.info(
          { event: "run.tagsChanged", ...aboutRun(state), by: event.by, added: event.add.length, removed: event.remove.length },
          "the run's tags have changed",
        );
      case "artifactsCollected":
        return this.#log.info({ event: "run.collected", ...aboutRun(state), by: event.by }, "the artifacts of a run are given up");
      default:
        return unreachable(event);
    }
  }

  #submitted(state: RunState, { context, graph }: EventOf<"runSubmitted">): void {
    const { namespace, user, originRun } = context;
    const fields = { event: "run.submitted", ...aboutRun(state), namespace, user, origin_run_id: originRun, steps: graph.steps.length };
    this.#log.info(fields, "a run was submitted");
  }

  #started(state: RunState, { task, attempt, lease, worker }: EventOf<"taskStarted">): void {
    this.#log.debug({ event: "task.started", ...aboutTask(state, task), attempt, lease, worker_id: worker }, "an attempt has begun");
  }

  #succeeded(state: RunState, { task, attempt, lease, usage }: EventOf<"taskSucceeded">): void {
    const fields = { event: "task.succeeded", ...aboutAttempt(state, task, attempt), lease };
    this.#log.debug({ ...fields, duration_ms: Math.round(usage.finishedAtMs - usage.startedAtMs) }, "an attempt has succeeded");
  }

  #failed(state: RunState, event: TaskFailed): void {
    const { task, attempt, lease, failure, usage } = event;
    const known = state.tasks.get(task);
    if (known === undefined) return;
    const outcome = sequelOf(event, known);
    // O2
    if (outcome === "retry" && (failure.kind === "lost" || failure.kind === "returned")) return;
    const fields = { event: "task.failed", ...aboutAttempt(state, task, attempt), lease, failure: failure.kind, outcome };
    const durationMs = usage === null ? null : Math.round(usage.finishedAtMs - usage.startedAtMs);
    this.#log.info({ ...fields, duration_ms: durationMs }, "an attempt has failed");
  }
}

function aboutRun({ submitted }: RunState): LogFields {
  return { flow: submitted.graph.flow, run_id: submitted.run };
}

function aboutTask(state: RunState, task: TaskId): LogFields {
  return { ...aboutRun(state), step: task.split("/", 1)[0], task_id: task };
}

function aboutAttempt(state: RunState, task: TaskId, attempt: number): LogFields {
  return { ...aboutTask(state, task), attempt, worker_id: state.tasks.get(task)?.attempts[attempt]?.worker ?? null };
}
