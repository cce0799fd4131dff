// The flow that a test runs: a class as it stands in this process, because a test runner has compiled it, or a file that is
// bundled as for a run.

import type { FlowGraph } from "../../proto/graph.ts";
import type { Locate } from "../../sdk/execute/failure-of.ts";
import { definitionOf, type FlowDefinition } from "../../sdk/flow/definition.ts";
import type { FlowClass } from "../../sdk/flow/flow-spec.ts";
import { checkFlow } from "../../sdk/graph/check-flow.ts";
import { extractGraph } from "../../sdk/graph/extract.ts";
import { formatProblem } from "../../sdk/graph/format-problem.ts";
import { isError } from "../../sdk/graph/problem.ts";
import * as stepwell from "../../sdk/index.ts";
import { openPackage } from "../../sdk/package/code-package.ts";
import { classTextsOf, flowSource } from "../../sdk/package/flow-source.ts";
import type { SourcedPlace, SourcePlaces } from "../../sdk/package/source-places.ts";

export type LoadedFlow = {
  readonly flowClass: FlowClass;
  readonly definition: FlowDefinition;
  readonly graph: FlowGraph;
  /** Finds the author's places in stacks; null where the test runner's own stacks do. */
  readonly locate: Locate | null;
};

/** @throws Error that lists what is wrong with the flow */
export function flowInProcess(flowClass: FlowClass): LoadedFlow {
  const definition = definitionOf(flowClass);
  return { flowClass, definition, graph: graphOf(flowClass, definition), locate: null };
}

/** `flow.ts` or `flow.ts:TrainFlow`, from the process's folder. @throws Error that lists what is wrong with the flow */
export async function loadFlow(file: string): Promise<LoadedFlow> {
  const checked = await checkFlow(file);
  if (checked.graph === null) {
    const errors = checked.problems.filter(isError).map((problem) => formatProblem(problem, { color: false }));
    throw new Error(`the flow cannot run:\n${errors.join("\n")}`);
  }
  const { graph, definition } = checked;
  const opened = openPackage(checked.package, { stepwell });
  return { flowClass: opened.freshFlow(), definition, graph, locate: opened.locate };
}

function graphOf(flowClass: FlowClass, definition: FlowDefinition): FlowGraph {
  const code = classTextsOf(flowClass).join("\n");
  const file = `${definition.name}.ts`;
  const { graph, problems } = extractGraph(definition, flowSource(flowClass, { code, places: placesIn(code, file) }, file), file);
  if (graph === null) {
    const errors = problems
      .filter(isError)
      .map(({ code: number, message, hint }) => `  ${number} ${message}${hint === null ? "" : ` (${hint})`}`);
    throw new Error(`${definition.name} cannot run:\n${errors.join("\n")}`);
  }
  return graph;
}

/** The compiled text is all there is: places are those of the class's own text, counted from its first line. */
function placesIn(code: string, file: string): SourcePlaces {
  const lines = code.split("\n");
  const inSource = (source: string, line: number, column: number): SourcedPlace => {
    return { source, file: source, line, column, sourceLine: lines[line - 1] ?? "" };
  };
  return {
    at: (offset) => {
      const before = code.slice(0, offset).split("\n");
      return inSource(file, before.length, (before.at(-1) ?? "").length + 1);
    },
    textOf: () => code,
    offsetOf: ({ line, column }) => lines.slice(0, line - 1).reduce((offset, each) => offset + each.length + 1, column - 1),
    inSource,
  };
}
