// Answers why tasks of a run wait, where the run is driven here, by another process, or by nobody.

import { shapeKey } from "../../proto/shape.ts";
import type { Control } from "../../proto/control.ts";
import type { RunId } from "../../proto/ids.ts";
import type { WaitsView } from "../../proto/waits.ts";
import type { RunState } from "../core/state.ts";
import { waitsOf, type Surroundings } from "../core/waits.ts";
import type { Clock } from "../ports/clock.ts";
import type { Ledger } from "../ports/ledger.ts";
import type { TaskQueue } from "../ports/task-queue.ts";
import type { Backlog } from "../shell/backlog.ts";
import type { Drivers } from "../shell/drivers.ts";
import { launchReason, type LaunchOutlook } from "../core/launching/outlook.ts";
import { mayTake, type Workers } from "../shell/workers.ts";

export type WaitsPorts = {
  readonly drivers: Drivers;
  readonly workers: Workers;
  readonly backlog: Backlog;
  readonly queue: TaskQueue;
  readonly ledger: Ledger;
  readonly clock: Clock;
  /** Null where no workers are launched. */
  readonly launches: { outlookFor(key: string): LaunchOutlook | null } | null;
  /** Opens the Control of the process that listens at `address`. */
  readonly openControl: (address: string) => Promise<Control & { close(): void }>;
};

/** `state` is that of the run, all of it durable. @throws ControlError unavailable */
export async function waitsView(ports: WaitsPorts, run: RunId, state: RunState): Promise<WaitsView> {
  const atMs = ports.clock.nowMs();
  if (state.finishedAtMs !== null || ports.drivers.get(run) !== undefined)
    return { run, atMs, waiting: waitsOf(state, surroundings(ports, state)) };
  const owner = await ports.ledger.owner(run);
  if (owner === null || owner.address === "") return { run, atMs, waiting: waitsOf(state, null) };
  const control = await ports.openControl(owner.address);
  try {
    return await control.waits(run);
  } finally {
    control.close();
  }
}

function surroundings({ workers, backlog, queue, launches }: WaitsPorts, { submitted }: RunState): Surroundings {
  const whose = { run: submitted.run, namespace: submitted.context.namespace };
  const taking = [...workers.all()].filter((worker) => worker.line !== null && !worker.draining && mayTake(worker, whose));
  const health = queue.health();
  const { flow } = submitted.graph;
  return {
    workers: taking.map(({ pool, labels, total, unbounded, free, credit }) => ({
      pool,
      labels,
      total,
      unbounded,
      free: { slots: credit, ...free },
    })),
    launching: ({ shape }) => {
      const outlook = shape === null ? null : (launches?.outlookFor(shapeKey(shape)) ?? null);
      return outlook === null ? null : launchReason(outlook);
    },
    queue: health.reachable ? null : { sinceMs: health.sinceMs, problem: health.reason },
    ofFlow: backlog.concurrency.ofFlow(flow),
    ofStep: ({ node }) => backlog.concurrency.ofStep(flow, node.name),
  };
}
