// What is told of steps with @batch: how large a worker for them is, where it is not just what they ask for.

import { containerFor, roundingNote } from "../../proto/container.ts";
import type { FlowGraph } from "../../proto/graph.ts";
import { shapeOf } from "../../proto/shape.ts";

/** The coordinator decides where steps run that don't say; Fargate is most likely. */
export function batchNotes(graph: FlowGraph): readonly string[] {
  return graph.steps.flatMap(({ name, policy: { batch } }) => {
    if (batch === null) return [];
    const shape = shapeOf(batch, { memoryMiB: batch.memoryMiB, capacity: "spot" });
    const fitting = containerFor(shape, "fargate");
    const note = fitting.kind === "fits" ? roundingNote(shape, fitting.container) : null;
    return note === null ? [] : [`note: in AWS Batch, a worker for ${name}: ${note}`];
  });
}
