// What launching sees of the coordinator at a moment: which launched workers are connected, and what the runs need of them.

import { batchPool, shapeKey, shapeLabel } from "../../../proto/shape.ts";
import type { RunDemand } from "../../core/launching/demand.ts";
import type { ConnectedWorker } from "../../core/launching/sight.ts";
import type { Assignment } from "../assignment.ts";
import type { Drivers } from "../drivers.ts";
import type { RunDriver } from "../run-driver.ts";
import type { Workers } from "../workers.ts";

/** By the worker's name. `busyAtMs`: when each was last seen to hold something. */
export function connectedWorkers(workers: Workers, busyAtMs: Map<string, number>, nowMs: number): ReadonlyMap<string, ConnectedWorker> {
  const connected = new Map<string, ConnectedWorker>();
  for (const { id, line, pool, labels, total, draining, assignments } of workers.all()) {
    const key = labels[shapeLabel];
    if (pool !== batchPool || line === null || key === undefined) continue;
    if (assignments.size > 0 || !busyAtMs.has(id)) busyAtMs.set(id, nowMs);
    const idleSinceMs = assignments.size > 0 ? null : (busyAtMs.get(id) ?? nowMs);
    connected.set(id, { key, slots: total.slots, isDraining: draining, idleSinceMs });
  }
  for (const id of busyAtMs.keys()) if (!connected.has(id)) busyAtMs.delete(id);
  return connected;
}

export function runDemands(drivers: Drivers): readonly RunDemand[] {
  return [...drivers.all()].map(runDemand);
}

function runDemand({ publication, assignments, state }: RunDriver): RunDemand {
  const ready = publication.launchedReady();
  const { workersMax } = state.submitted.options;
  const running = runningByNeeds(assignments.values());
  const elsewhere = assignments.size - [...running.values()].reduce((sum, { tasks }) => sum + tasks, 0);
  const needs = new Map([...running].map(([key, one]) => [key, one.needs] as const));
  for (const [key, one] of ready) needs.set(key, one.needs);
  const wanted = [...needs].flatMap(([key, { shape }]) => {
    if (shape === null) return [];
    const { tasks = 0, max = Number.POSITIVE_INFINITY } = ready.get(key) ?? {};
    return [{ key: shapeKey(shape), shape, tasks: Math.min(max, tasks + (running.get(key)?.tasks ?? 0)) }];
  });
  return { tasksMax: Math.max(0, workersMax - elsewhere), wanted };
}

type RunningNeeds = { readonly needs: Assignment["needs"]; readonly tasks: number };

function runningByNeeds(assignments: Iterable<Assignment>): ReadonlyMap<string, RunningNeeds> {
  const running = new Map<string, RunningNeeds>();
  for (const { needs } of assignments)
    if (needs.shape !== null) running.set(needs.key, { needs, tasks: 1 + (running.get(needs.key)?.tasks ?? 0) });
  return running;
}
