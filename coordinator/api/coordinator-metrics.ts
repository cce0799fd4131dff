// What a coordinator counts and measures, for its page of metrics.

import type { RunEvent } from "../../proto/event.ts";
import type { TaskId } from "../../proto/ids.ts";
import { exponentialBuckets, type Registry } from "../../sdk/metrics/registry.ts";
import type { RunState, Task } from "../core/state.ts";
import { statusOf } from "../core/status.ts";
import type { LedgerWatcher } from "../adapters/watched-ledger.ts";
import type { Assignment } from "../shell/assignment.ts";
import { sequelOf, type Observer, type TaskFailed } from "../shell/observer.ts";
import { countTheShell, type Observed } from "./shell-metrics.ts";

const shortSeconds = exponentialBuckets(0.0005, 2, 16);
const longSeconds = exponentialBuckets(0.01, 3, 13);

export class CoordinatorMetrics implements Observer, LedgerWatcher {
  readonly #registry: Registry;
  readonly #counted: ReturnType<typeof countersOf>;
  readonly #timed: ReturnType<typeof timingsOf>;
  /** When a task that waits became ready. Milliseconds, of the process's own clock. */
  readonly #readyAtMs = new WeakMap<Task, number>();

  constructor(registry: Registry) {
    this.#registry = registry;
    this.#counted = countersOf(registry);
    this.#timed = timingsOf(registry);
  }

  /** From now on the numbers of the coordinator's shell are told as well. */
  attach(observed: Observed): void {
    observed.traffic.onAnswered = (method, code) => this.#counted.calls.add({ method, code });
    countTheShell(this.#registry, observed);
  }

  ready(state: RunState, id: TaskId): void {
    const task = state.tasks.get(id);
    if (task !== undefined) this.#readyAtMs.set(task, performance.now());
  }

  assigned(state: RunState, { task: id }: Assignment, waitedMs: number): void {
    this.#timed.dispatch.observe(waitedMs / 1000);
    const task = state.tasks.get(id);
    const readyAtMs = task === undefined ? undefined : this.#readyAtMs.get(task);
    if (readyAtMs !== undefined) this.#timed.queued.observe((performance.now() - readyAtMs) / 1000);
  }

  recorded(state: RunState, events: readonly RunEvent[]): void {
    for (const event of events) {
      if (event.kind === "taskFailed") this.#failed(state, event);
      if (event.kind !== "taskSucceeded") continue;
      const of = labelsOf(state, event.task);
      this.#counted.attempts.add({ outcome: "succeeded" });
      this.#counted.tasks.add({ ...of, status: "succeeded" });
      this.#timed.duration.observe(Math.max(0, event.usage.finishedAtMs - event.usage.startedAtMs) / 1000, of);
    }
  }

  finished(state: RunState): void {
    this.#counted.runs.add({ flow: state.submitted.graph.flow, status: statusOf(state) });
  }

  appended(durationMs: number, events: number): void {
    this.#timed.append.observe(durationMs / 1000);
    this.#counted.events.add({}, events);
  }

  failed(problem: string): void {
    this.#counted.appendErrors.add({ problem });
  }

  answered(route: string, method: string, status: number): void {
    this.#counted.requests.add({ route, method, status: String(status) });
  }

  storeFailed(): void {
    this.#counted.storeErrors.add();
  }

  logged(event: string, level: string): void {
    this.#counted.logLines.add({ event, level });
  }

  #failed(state: RunState, event: TaskFailed): void {
    const { failure } = event;
    const task = state.tasks.get(event.task);
    if (task === undefined) return;
    const of = labelsOf(state, event.task);
    this.#counted.attempts.add({ outcome: failure.kind });
    if (failure.kind === "lost") this.#counted.leasesLost.add({ reason: "lost" });
    if (failure.kind === "returned") this.#counted.leasesLost.add({ reason: failure.why });
    const sequel = sequelOf(event, task);
    if (sequel === "retry") this.#counted.retries.add({ ...of, reason: failure.kind });
    else this.#counted.tasks.add({ ...of, status: sequel === "caught" ? "succeeded" : sequel });
  }
}

function labelsOf({ submitted }: RunState, task: TaskId): { readonly flow: string; readonly step: string } {
  return { flow: submitted.graph.flow, step: task.split("/", 1)[0] ?? "" };
}

const flowStep = ["flow", "step"];

function countersOf(registry: Registry) {
  return {
    runs: registry.counter({ name: "stepwell_runs_total", help: "Runs that have ended.", labels: ["flow", "status"] }),
    tasks: registry.counter({
      name: "stepwell_tasks_total",
      help: "Tasks that have ended by an attempt.",
      labels: [...flowStep, "status"],
    }),
    attempts: registry.counter({
      name: "stepwell_task_attempts_total",
      help: "Attempts that have ended: succeeded, or by which kind of failure.",
      labels: ["outcome"],
    }),
    retries: registry.counter({
      name: "stepwell_task_retries_total",
      help: "Attempts after which their task is tried again, by the kind of failure.",
      labels: [...flowStep, "reason"],
    }),
    leasesLost: registry.counter({
      name: "stepwell_leases_lost_total",
      help: "Attempts that were taken from their worker: lost, undelivered, or drained.",
      labels: ["reason"],
    }),
    events: registry.counter({ name: "stepwell_ledger_events_total", help: "Events that were appended to the ledger." }),
    appendErrors: registry.counter({
      name: "stepwell_ledger_append_errors_total",
      help: "Appends that the ledger refused.",
      labels: ["problem"],
    }),
    calls: registry.counter({
      name: "stepwell_control_calls_total",
      help: "Questions of clients that were answered, by method and result.",
      labels: ["method", "code"],
    }),
    requests: registry.counter({
      name: "stepwell_http_requests_total",
      help: "Requests to the HTTP port that were answered.",
      labels: ["route", "method", "status"],
    }),
    storeErrors: registry.counter({
      name: "stepwell_store_errors_total",
      help: "Looks at the artifact store, and grants of its blobs, that failed.",
    }),
    logLines: registry.counter({
      name: "stepwell_log_events_total",
      help: "Log lines at warn and error, whether written or held back as a flood.",
      labels: ["event", "level"],
    }),
  };
}

function timingsOf(registry: Registry) {
  return {
    queued: registry.histogram({
      name: "stepwell_task_queue_seconds",
      help: "How long tasks were ready before a worker got them.",
      buckets: longSeconds,
    }),
    dispatch: registry.histogram({
      name: "stepwell_dispatch_latency_seconds",
      help: "From the publication of a task for which there is room to its assignment.",
      buckets: shortSeconds,
    }),
    duration: registry.histogram({
      name: "stepwell_task_duration_seconds",
      help: "How long successful attempts took.",
      labels: flowStep,
      buckets: longSeconds,
    }),
    append: registry.histogram({
      name: "stepwell_ledger_append_seconds",
      help: "How long it took until what was appended to the ledger was durable.",
      buckets: shortSeconds,
    }),
  };
}
