// Everything that is known about a flow before it runs: `stepwell check`, `show` and `run` begin here.

import { basename, relative, resolve } from "node:path";
import type { FlowGraph } from "../../proto/graph.ts";
import { definitionOf } from "../flow/definition.ts";
import type { FlowDefinition } from "../flow/definition.ts";
import * as stepwell from "../index.ts";
import { bundleFile } from "../package/bundle.ts";
import type { Bundle } from "../package/bundle.ts";
import { writeContainer } from "../package/container.ts";
import { compileBundle } from "../package/evaluate.ts";
import type { Exports } from "../package/evaluate.ts";
import { chooseFlow } from "../package/flow-choice.ts";
import { flowSource } from "../package/flow-source.ts";
import { openSourceMap } from "../package/source-map.ts";
import { locateStack } from "../package/stack.ts";
import { extractGraph } from "./extract.ts";
import { isError, problem } from "./problem.ts";
import type { Problem } from "./problem.ts";

/** What is needed to run a flow. */
export type SoundFlow = {
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

export type CheckOptions = {
  /** Needed where the file exports several. `flow.ts:TrainFlow` says the same. */
  readonly flowName?: string;
  /** Problems name files relative to this folder. Default: the process's. */
  readonly folder?: string;
};

/** Never throws for what an author did. */
export async function checkFlow(file: string, options: CheckOptions = {}): Promise<CheckedFlow> {
  const named = /^(.*\.[cm]?[jt]sx?):(\w+)$/.exec(file);
  const path = resolve(options.folder ?? ".", named?.[1] ?? file);
  const flowName = options.flowName ?? named?.[2] ?? null;
  const shown = (absolute: string): string => relative(options.folder ?? process.cwd(), absolute) || absolute;
  const { bundle, problems } = await bundleFile(path, shown);
  if (bundle === null || problems.some(isError)) return faulty(problems);
  const loaded = load(bundle, path, shown);
  if (loaded.problem !== null) return faulty([...problems, loaded.problem]);
  const checked = checkLoaded(loaded.exports, { bundle, path, flowName, shown });
  return { ...checked, problems: inOrder([...problems, ...checked.problems]) };
}

type Load = { readonly exports: Exports; readonly problem: Problem | null };

function load(bundle: Bundle, path: string, shown: (path: string) => string): Load {
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

type Loaded = {
  readonly bundle: Bundle;
  readonly path: string;
  readonly flowName: string | null;
  readonly shown: (path: string) => string;
};

function checkLoaded(exports: Exports, { bundle, path, flowName, shown }: Loaded): CheckedFlow {
  const file = basename(path);
  const chosen = chooseFlow(exports, flowName, { file: shown(path), text: bundle.places.textOf(file) });
  if ("code" in chosen) return faulty([chosen]);
  const definition = { ...definitionOf(chosen.flowClass), name: chosen.flowName };
  const { graph, problems } = extractGraph(definition, flowSource(chosen.flowClass, bundle, file), file);
  if (graph === null) return faulty(problems);
  const content = { flowName: chosen.flowName, exportName: chosen.exportName, file, code: bundle.code, sourceMap: bundle.sourceMap };
  return { graph, definition, package: writeContainer(content), problems };
}

function faulty(problems: readonly Problem[]): FaultyFlow {
  return { graph: null, definition: null, package: null, problems };
}

/** By file and line; the same problem is told once. */
function inOrder(problems: readonly Problem[]): readonly Problem[] {
  const unique = new Map(problems.map((each) => [JSON.stringify(each), each]));
  return [...unique.values()].sort(
    (a, b) => a.file.localeCompare(b.file) || (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0),
  );
}
