// Which blobs a run needs: for whoever may read the run, and to keep them from being collected.

import { blobsOfElements } from "../../proto/artifact.ts";
import type { Sha256 } from "../../proto/ids.ts";
import type { TakenTransition } from "../../proto/order.ts";
import { addAll, addArtifacts } from "./order-blobs.ts";
import type { RunState } from "./state.ts";

/** None of a run whose artifacts were collected; else everything that the run's events name and a reader, a task or a resumed run may want. */
export function blobsOfRun(state: RunState): Set<Sha256> {
  const { submitted, tasks, reusable } = state;
  if (state.collectedAtMs !== null) return new Set();
  const blobs = new Set<Sha256>([submitted.codePackage]);
  addArtifacts(submitted.parameters, blobs);
  for (const { artifacts, taken } of reusable.values()) {
    addArtifacts(artifacts, blobs);
    addElements(taken, blobs);
  }
  for (const { state: reached } of tasks.values()) {
    if (reached.kind !== "succeeded") continue;
    addArtifacts(reached.produced, blobs);
    addElements(reached.taken, blobs);
  }
  return blobs;
}

function addElements(taken: TakenTransition, blobs: Set<Sha256>): void {
  if (taken.kind === "foreach") addAll(blobsOfElements(taken.elements), blobs);
}
