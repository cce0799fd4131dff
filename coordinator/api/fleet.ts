// What clients see of the workers, and how one is sent away.

import { ControlError } from "../../proto/control.ts";
import type { WorkerView } from "../../proto/view.ts";
import type { Hello } from "../../sdk/wire/worker-items.ts";
import type { Clock } from "../ports/clock.ts";
import type { Leases } from "../shell/leases.ts";
import type { CoordinatorLog } from "../shell/log.ts";
import type { LostWorker } from "../shell/lost-workers.ts";
import type { Worker, Workers } from "../shell/workers.ts";

export type FleetPorts = { readonly clock: Clock; readonly workers: Workers; readonly leases: Leases; readonly log: CoordinatorLog };

export function workerViews({ workers, clock }: FleetPorts): readonly WorkerView[] {
  const nowMs = clock.monotonicMs();
  const known = [...workers.all()].flatMap((worker) => viewOf(worker, nowMs));
  const views = [...known, ...workers.lost.at(nowMs).map((worker) => lostView(worker, nowMs))];
  return views.sort((a, b) => (a.worker < b.worker ? -1 : 1));
}

/** `withinMs` null: however long that takes. @throws ControlError notFound, unavailable */
export function drainWorker(
  ports: FleetPorts,
  id: string,
  { by, withinMs }: { readonly by: string; readonly withinMs: number | null },
): void {
  const { workers, clock, leases, log } = ports;
  const worker = workers.get(id);
  if (worker === undefined) throw new ControlError("notFound", `there is no worker ${id}; see stepwell workers`);
  if (worker.line === null) throw new ControlError("unavailable", `worker ${id} is away; it takes no work until it comes back`);
  log.info({ event: "worker.drain", worker_id: id, by, within_ms: withinMs }, "a worker is to leave");
  workers.drain(worker);
  worker.line.send({ kind: "drain" });
  if (withinMs === null) return;
  const late = (): void => {
    // Another worker that has come by that name is another object.
    if (workers.get(id) !== worker || !worker.draining || worker.assignments.size === 0) return;
    log.warn({ event: "worker.drainLate", worker_id: id, assignments: worker.assignments.size }, "a worker has not finished in time");
    leases.takeAway(worker);
  };
  // A coordinator that closes does not wait for it.
  clock.after(withinMs, late, { background: true });
}

/** Nothing is known of a worker that a coordinator before this one had and that has not come back. */
function viewOf(worker: Worker, nowMs: number): readonly WorkerView[] {
  const { hello, pool, load, line, draining, heardAtMs } = worker;
  if (hello === null) return [];
  const running = [...worker.assignments].map(({ run, task, attempt }) => ({ run, task, attempt }));
  const status = line === null ? "away" : draining ? "draining" : "ready";
  return [{ ...saidBy(hello), status, pool, silentMs: sinceMs(heardAtMs, nowMs), load, requeued: 0, running }];
}

function lostView({ hello, pool, heardAtMs, requeued }: LostWorker, nowMs: number): WorkerView {
  return { ...saidBy(hello), status: "lost", pool, silentMs: sinceMs(heardAtMs, nowMs), load: null, requeued, running: [] };
}

type Said = "worker" | "host" | "pid" | "version" | "labels" | "slots" | "cpu" | "memoryMiB" | "gpu" | "runs";

function saidBy({ worker, host, pid, version, labels, slots, cpu, memoryMiB, gpu, runs }: Hello): Pick<WorkerView, Said> {
  return { worker, host, pid, version, labels, slots, cpu, memoryMiB, gpu, runs };
}

function sinceMs(heardAtMs: number, nowMs: number): number {
  return Math.max(0, Math.round(nowMs - heardAtMs));
}
