// What the runs together need of launched workers: each run as much as its limits allow at once, and no more than its share.

import type { Shape } from "../../../proto/shape.ts";
import type { Demand, LaunchLimits } from "./sight.ts";

/** Tasks of one run that run on launched workers, or could. */
export type RunDemand = {
  /** That may hold a slot at the same time. */
  readonly tasksMax: number;
  /** By shape; limits of steps and flows are kept already. */
  readonly wanted: readonly { readonly key: string; readonly shape: Shape; readonly tasks: number }[];
};

export type SizeOf = (shape: Shape) => Demand["size"];

export function demandOf(
  runs: readonly RunDemand[],
  { workersPerRunMax }: Pick<LaunchLimits, "workersPerRunMax">,
  sizeOf: SizeOf,
): readonly Demand[] {
  const demands = new Map<string, Demand>();
  for (const { tasksMax, wanted } of runs) {
    let tasksLeft = tasksMax;
    let workersLeft = workersPerRunMax;
    for (const { key, shape, tasks: asked } of wanted) {
      const known = demands.get(key);
      const size = known === undefined ? sizeOf(shape) : known.size;
      const slots = size?.slots ?? 1;
      const tasks = Math.min(asked, tasksLeft, workersLeft * slots);
      tasksLeft -= tasks;
      workersLeft -= Math.ceil(tasks / slots);
      demands.set(key, { shape, key, size, tasks: tasks + (known?.tasks ?? 0) });
    }
  }
  return [...demands.values()];
}
