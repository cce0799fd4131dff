// A flow's code as running and resuming need it, read from its file or from the package of an earlier run.

import type { FlowGraph } from "../proto/graph.ts";
import type { RunView } from "../proto/view.ts";
import type { ArtifactStore } from "../sdk/artifact/store.ts";
import { definitionOf, type FlowDefinition } from "../sdk/flow/definition.ts";
import * as stepwell from "../sdk/index.ts";
import { openPackage } from "../sdk/package/code-package.ts";
import { readStored } from "./stored.ts";

export type FlowCode = {
  readonly graph: FlowGraph;
  readonly definition: FlowDefinition;
  /** The code package. */
  readonly bytes: Uint8Array;
};

/** The code that a run was made of, exactly as it was. */
export async function codeOf(view: RunView, store: ArtifactStore): Promise<FlowCode> {
  const hint = "start a new run of its file: stepwell run FILE";
  const bytes = await readStored(`the code of ${view.run}`, hint, store.get(view.codePackage));
  const flowClass = openPackage(bytes, { stepwell }).freshFlow();
  return { graph: view.graph, definition: { ...definitionOf(flowClass), name: view.flow }, bytes };
}
