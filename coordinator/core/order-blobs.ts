// Which blobs an order speaks of: what its attempt may read.

import { blobsOf, blobsOfElement, blobsOfElements, type Artifacts } from "../../proto/artifact.ts";
import type { Sha256 } from "../../proto/ids.ts";
import type { TaskInputs, TaskOrder } from "../../proto/order.ts";
import { unreachable } from "../../proto/unreachable.ts";

export function blobsOfOrder(order: TaskOrder): ReadonlySet<Sha256> {
  const blobs = new Set<Sha256>([order.codePackage]);
  addArtifacts(order.parameters, blobs);
  addInputs(order.inputs, blobs);
  for (const { element } of order.frames) addAll(blobsOfElement(element), blobs);
  return blobs;
}

function addInputs(inputs: TaskInputs, blobs: Set<Sha256>): void {
  switch (inputs.kind) {
    case "single":
      return addArtifacts(inputs.artifacts, blobs);
    case "join":
      addArtifacts(inputs.base, blobs);
      for (const { own } of inputs.inputs) addArtifacts(own, blobs);
      return inputs.elements === null ? undefined : addAll(blobsOfElements(inputs.elements), blobs);
    default:
      return unreachable(inputs);
  }
}

export function addArtifacts(artifacts: Artifacts, blobs: Set<Sha256>): void {
  for (const ref of Object.values(artifacts)) addAll(blobsOf(ref), blobs);
}

export function addAll(some: readonly Sha256[], blobs: Set<Sha256>): void {
  for (const blob of some) blobs.add(blob);
}
