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
  readonly #runs;
  readonly #tasks;
  readonly #attempts;
  readonly #retries;
  readonly #leasesLost;
  readonly #queued;
  readonly #dispatch;
  readonly #duration;
  readonly #append;
  readonly #events;
  readonly #appendErrors;
  readonly #calls;
  readonly #requests;
  readonly #storeErrors;
  readonly #logLines;
  /** When a task that waits became ready. Milliseconds, of the process's own clock. */
  readonly #readyAtMs = new WeakMap<Task, number>();

  constructor(registry: Registry) {
    this.#registry = registry;
    const flowStep = ["flow", "step"];
    this.#runs = registry.counter({ name: "stepwell_runs_total", help: "Runs that have ended.", labels: ["flow", "status"] });
    this.#tasks = registry.counter({
      name: "stepwell_tasks_total",
      help: "Tasks that have ended by an attempt.",
      labels: [...flowStep, "status"],
    });
    this.#attempts = registry.counter({
      name: "stepwell_task_attempts_total",
      help: "Attempts that have ended: succeeded, or by which kind of failure.",
      labels: ["outcome"],
    });
    this.#retries = registry.counter({
      name: "stepwell_task_retries_total",
      help: "Attempts after which their task is tried again, by the kind of failure.",
      labels: [...flowStep, "reason"],
    });
    this.#leasesLost = registry.counter({
      name: "stepwell_leases_lost_total",
      help: "Attempts that were taken from their worker: lost, undelivered, or drained.",
      labels: ["reason"],
    });
    this.#queued = registry.histogram({
      name: "stepwell_task_queue_seconds",
      help: "How long tasks were ready before a worker got them.",
      buckets: longSeconds,
    });
    this.#dispatch = registry.histogram({
      name: "stepwell_dispatch_latency_seconds",
      help: "From the publication of a task for which there is room to its assignment.",
      buckets: shortSeconds,
    });
    this.#duration = registry.histogram({
      name: "stepwell_task_duration_seconds",
      help: "How long successful attempts took.",
      labels: flowStep,
      buckets: longSeconds,
    });
    this.#append = registry.histogram({
      name: "stepwell_ledger_append_seconds",
      help: "How long it took until what was appended to the ledger was durable.",
      buckets: shortSeconds,
    });
    this.#events = registry.counter({ name: "stepwell_ledger_events_total", help: "Events that were appended to the ledger." });
    this.#appendErrors = registry.counter({
      name: "stepwell_ledger_append_errors_total",
      help: "Appends that the ledger refused.",
      labels: ["problem"],
    });
    this.#calls = registry.counter({
      name: "stepwell_control_calls_total",
      help: "Questions of clients that were answered, by method and result.",
      labels: ["method", "code"],
    });
    this.#requests = registry.counter({
      name: "stepwell_http_requests_total",
      help: "Requests to the HTTP port that were answered.",
      labels: ["route", "method", "status"],
    });
    this.#storeErrors = registry.counter({
      name: "stepwell_store_errors_total",
      help: "Looks at the artifact store, and grants of its blobs, that failed.",
    });
    this.#logLines = registry.counter({
      name: "stepwell_log_events_total",
      help: "Log lines at warn and error, whether written or held back as a flood.",
      labels: ["event", "level"],
    });
  }

  /** From now on the numbers of the coordinator's shell are told as well. */
  attach(observed: Observed): void {
    observed.traffic.onAnswered = (method, code) => this.#calls.add({ method, code });
    countTheShell(this.#registry, observed);
  }

  ready(state: RunState, id: TaskId): void {
    const task = state.tasks.get(id);
    if (task !== undefined) this.#readyAtMs.set(task, performance.now());
  }

  assigned(state: RunState, { task: id }: Assignment, waitedMs: number): void {
    this.#dispatch.observe(waitedMs / 1000);
    const task = state.tasks.get(id);
    const readyAtMs = task === undefined ? undefined : this.#readyAtMs.get(task);
    if (readyAtMs !== undefined) this.#queued.observe((performance.now() - readyAtMs) / 1000);
  }

  recorded(state: RunState, events: readonly RunEvent[]): void {
    for (const event of events) {
      if (event.kind === "taskFailed") this.#failed(state, event);
      if (event.kind !== "taskSucceeded") continue;
      const of = labelsOf(state, event.task);
      this.#attempts.add({ outcome: "succeeded" });
      this.#tasks.add({ ...of, status: "succeeded" });
      this.#duration.observe(Math.max(0, event.usage.finishedAtMs - event.usage.startedAtMs) / 1000, of);
    }
  }

  finished(state: RunState): void {
    this.#runs.add({ flow: state.submitted.graph.flow, status: statusOf(state) });
  }

  appended(durationMs: number, events: number): void {
    this.#append.observe(durationMs / 1000);
    this.#events.add({}, events);
  }

  failed(problem: string): void {
    this.#appendErrors.add({ problem });
  }

  answered(route: string, method: string, status: number): void {
    this.#requests.add({ route, method, status: String(status) });
  }

  storeFailed(): void {
    this.#storeErrors.add();
  }

  logged(event: string, level: string): void {
    this.#logLines.add({ event, level });
  }

  #failed(state: RunState, event: TaskFailed): void {
    const { failure } = event;
    const task = state.tasks.get(event.task);
    if (task === undefined) return;
    const of = labelsOf(state, event.task);
    this.#attempts.add({ outcome: failure.kind });
    if (failure.kind === "lost") this.#leasesLost.add({ reason: "lost" });
    if (failure.kind === "returned") this.#leasesLost.add({ reason: failure.why });
    const sequel = sequelOf(event, task);
    if (sequel === "retry") this.#retries.add({ ...of, reason: failure.kind });
    else this.#tasks.add({ ...of, status: sequel === "caught" ? "succeeded" : sequel });
  }
}

function labelsOf({ submitted }: RunState, task: TaskId): { readonly flow: string; readonly step: string } {
  return { flow: submitted.graph.flow, step: task.split("/", 1)[0] ?? "" };
}
