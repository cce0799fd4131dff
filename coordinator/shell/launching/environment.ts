// What a launched worker's process is told of itself: settings of `stepwell worker`, as variables.

import { batchPool, shapeKey, shapeLabel, type Shape } from "../../../proto/shape.ts";
import type { WorkerSize } from "../../ports/launcher.ts";

/** The services kill what has not ended half a minute after they told it to. */
const drainSeconds = 20;

export function environmentOf(shape: Shape, { slots, cpu, memoryMiB, gpu }: WorkerSize): Readonly<Record<string, string>> {
  return {
    STEPWELL_POOL: batchPool,
    STEPWELL_LABELS: `${shapeLabel}=${shapeKey(shape)}`,
    STEPWELL_SLOTS: String(slots),
    STEPWELL_CPU: String(cpu),
    STEPWELL_MEMORY_MIB: String(memoryMiB),
    STEPWELL_GPU: String(gpu),
    STEPWELL_DRAIN_SECONDS: String(drainSeconds),
  };
}
