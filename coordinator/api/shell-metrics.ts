// What of the coordinator's shell is measured at the moment when somebody reads the metrics.

import type { Registry } from "../../sdk/metrics/registry.ts";
import type { Clock } from "../ports/clock.ts";
import type { TaskQueue } from "../ports/task-queue.ts";
import type { Backlog } from "../shell/backlog.ts";
import type { Drivers } from "../shell/drivers.ts";
import type { Launching } from "../shell/launching/launching.ts";
import type { Workers } from "../shell/workers.ts";
import type { Traffic } from "./traffic.ts";

export type Observed = {
  readonly drivers: Drivers;
  readonly workers: Workers;
  readonly backlog: Backlog;
  readonly queue: TaskQueue;
  readonly clock: Clock;
  readonly traffic: Traffic;
  /** Null where no workers are launched. */
  readonly launching: Pick<Launching, "figures"> | null;
};

export function countTheShell(registry: Registry, observed: Observed): void {
  countRuns(registry, observed);
  countQueue(registry, observed);
  countWorkers(registry, observed);
  countLaunches(registry, observed.launching);
}

function countLaunches(registry: Registry, launching: Observed["launching"]): void {
  const launches = registry.gauge({ name: "stepwell_launches_active", help: "Launches of workers that are not over." });
  const workers = registry.gauge({
    name: "stepwell_launched_workers",
    help: "Launched workers: those that are there, and those that were asked for and have not come.",
    labels: ["state"],
  });
  const spent = registry.gauge({
    name: "stepwell_launched_cost_usd",
    help: "What launched workers have cost since the beginning of the day, of UTC, by an estimate.",
  });
  registry.onRead(() => {
    const figures = launching?.figures() ?? { launches: 0, present: 0, pending: 0, spentUsd: 0 };
    launches.set(figures.launches);
    workers.set(figures.present, { state: "present" });
    workers.set(figures.pending, { state: "pending" });
    spent.set(figures.spentUsd);
  });
}

function countRuns(registry: Registry, { drivers }: Observed): void {
  const active = registry.gauge({ name: "stepwell_runs_active", help: "Runs that are under way here.", labels: ["flow"] });
  const tasks = registry.gauge({
    name: "stepwell_tasks_active",
    help: "Tasks of these runs that have not ended, by state.",
    labels: ["state"],
  });
  registry.onRead(() => {
    const runs = new Map<string, number>();
    const states = { waiting: 0, ready: 0, running: 0, backoff: 0 };
    for (const { state } of drivers.all()) {
      const { flow } = state.submitted.graph;
      runs.set(flow, (runs.get(flow) ?? 0) + 1);
      for (const name of ["waiting", "ready", "running", "backoff"] as const) states[name] += state.tally.byStatus[name];
    }
    for (const [flow, count] of runs) active.set(count, { flow });
    for (const [state, count] of Object.entries(states)) tasks.set(count, { state });
  });
}

function countQueue(registry: Registry, { backlog, queue, clock }: Observed): void {
  const depth = registry.gauge({
    name: "stepwell_scheduler_queue_depth",
    help: "Hints that were published to the pool's queue and not taken.",
    labels: ["pool"],
  });
  const parked = registry.gauge({ name: "stepwell_scheduler_parked", help: "Hints that were taken and have found no room." });
  const up = registry.gauge({ name: "stepwell_queue_up", help: "1 while the task queue can be used, else 0." });
  const since = registry.gauge({
    name: "stepwell_queue_unreachable_seconds",
    help: "For how long the task queue cannot be used; 0 while it can.",
  });
  registry.onRead(() => {
    for (const pool of backlog.pools()) depth.set(pool.queued, { pool: pool.name });
    parked.set([...backlog.parked].reduce((sum, shape) => sum + shape.parked.length, 0));
    const health = queue.health();
    up.set(health.reachable ? 1 : 0);
    since.set(health.reachable ? 0 : Math.max(0, clock.nowMs() - health.sinceMs) / 1000);
  });
}

function countWorkers(registry: Registry, { workers, clock, traffic }: Observed): void {
  const count = registry.gauge({ name: "stepwell_workers", help: "Workers that are known, by state.", labels: ["state"] });
  const slots = registry.gauge({
    name: "stepwell_worker_slots",
    help: "Slots of connected workers: all, and those that are taken.",
    labels: ["state"],
  });
  const age = registry.gauge({
    name: "stepwell_worker_heartbeat_age_seconds",
    help: "How long the most silent connected worker has been silent.",
  });
  const streams = registry.gauge({ name: "stepwell_grpc_streams", help: "Streams that are open.", labels: ["kind"] });
  registry.onRead(() => {
    const states = { ready: 0, draining: 0, away: 0 };
    let [total, busy, oldestMs, open] = [0, 0, 0, 0];
    const nowMs = clock.monotonicMs();
    for (const worker of workers.all()) {
      states[worker.line === null ? "away" : worker.draining ? "draining" : "ready"] += 1;
      if (worker.line === null) continue;
      open += 1;
      total += worker.total.slots;
      busy += worker.assignments.size;
      oldestMs = Math.max(oldestMs, nowMs - worker.heardAtMs);
    }
    for (const [state, workersInIt] of Object.entries(states)) count.set(workersInIt, { state });
    slots.set(total, { state: "total" });
    slots.set(busy, { state: "busy" });
    age.set(oldestMs / 1000);
    streams.set(open, { kind: "worker" });
    streams.set(traffic.follows, { kind: "follow" });
  });
}
