// The checks of a bundled flow: its file is evaluated, its steps are not.

import { basename } from "node:path";
import type { FlowGraph } from "../../proto/graph.ts";
import { definitionOf } from "../flow/definition.ts";
import type { FlowDefinition } from "../flow/definition.ts";
import * as stepwell from "../index.ts";
import type { Bundle } from "../package/bundle.ts";
import { writeContainer } from "../package/container.ts";
import { compileBundle } from "../package/evaluate.ts";
import type { Exports } from "../package/evaluate.ts";
import { chooseFlow } from "../package/flow-choice.ts";
import { flowSource } from "../package/flow-source.ts";
import { openSourceMap } from "../package/source-map.ts";
import { locateStack } from "../package/stack.ts";
import { extractGraph } from "./extract.ts";
import { problem } from "./problem.ts";
import type { Problem } from "./problem.ts";

/** What is needed to run a flow. */
type SoundFlow = {
  readonly graph: FlowGraph;
  readonly definition: FlowDefinition;
  /** Bytes of the code package. */
  readonly package: Uint8Array;
  /** Warnings, in the order of the source. */
  readonly problems: readonly Problem[];
};

/** There is an error among the problems. */
export type FaultyFlow = { readonly graph: null; readonly definition: null; readonly package: null; readonly problems: readonly Problem[] };

export type CheckedFlow = SoundFlow | FaultyFlow;

type FlowFile = { readonly path: string; readonly flowName: string | null; readonly shown: (path: string) => string };

export function checkBundle(bundle: Bundle, file: FlowFile): CheckedFlow {
  const loaded = load(bundle, file);
  return loaded.problem === null ? checkLoaded(loaded.exports, bundle, file) : faulty([loaded.problem]);
}

type Load = { readonly exports: Exports; readonly problem: Problem | null };

function load(bundle: Bundle, { path, shown }: FlowFile): Load {
  try {
    return { exports: compileBundle(bundle.code, basename(path))({ stepwell }), problem: null };
  } catch (error) {
    const stack = error instanceof Error ? (error.stack ?? "") : "";
    const { place } = locateStack(stack, () => openSourceMap(bundle.sourceMap));
    const message = `${shown(path)} cannot be loaded: ${error instanceof Error ? `${error.name}: ${error.message}` : String(error)}`;
    const hint = "what stands at the top level of a module runs whenever the flow is loaded; move work into steps";
    const at = place === null ? shown(path) : bundle.places.inSource(place.file, place.line, place.column);
    return { exports: {}, problem: problem("SW1405", at, { message, hint }) };
  }
}

function checkLoaded(exports: Exports, bundle: Bundle, { path, flowName, shown }: FlowFile): CheckedFlow {
  const file = basename(path);
  const chosen = chooseFlow(exports, flowName, { file: shown(path), text: bundle.places.textOf(file) });
  if ("code" in chosen) return faulty([chosen]);
  const definition = { ...definitionOf(chosen.flowClass), name: chosen.flowName };
  const { graph, problems } = extractGraph(definition, flowSource(chosen.flowClass, bundle, file), file);
  if (graph === null) return faulty(problems);
  const content = { flowName: chosen.flowName, exportName: chosen.exportName, file, code: bundle.code, sourceMap: bundle.sourceMap };
  return { graph, definition, package: writeContainer(content), problems };
}

export function faulty(problems: readonly Problem[]): FaultyFlow {
  return { graph: null, definition: null, package: null, problems };
}
