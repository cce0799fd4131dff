// The graph of a flow class as it stands in this process, without bundling its file: a test runner has compiled it.

import type { FlowGraph } from "../../proto/graph.ts";
import type { FlowDefinition } from "../../sdk/flow/definition.ts";
import type { FlowClass } from "../../sdk/flow/flow-spec.ts";
import { extractGraph } from "../../sdk/graph/extract.ts";
import { isError } from "../../sdk/graph/problem.ts";
import { flowSource } from "../../sdk/package/flow-source.ts";
import type { SourcedPlace, SourcePlaces } from "../../sdk/package/source-places.ts";

/** @throws Error that lists what is wrong with the flow */
export function graphOf(flowClass: FlowClass, definition: FlowDefinition): FlowGraph {
  const code = Function.prototype.toString.call(flowClass);
  const file = `${definition.name}.ts`;
  const { graph, problems } = extractGraph(definition, flowSource(flowClass, { code, places: placesIn(code, file) }, file), file);
  if (graph === null) {
    const errors = problems.filter(isError).map((problem) => `${problem.message}${problem.hint === null ? "" : ` (${problem.hint})`}`);
    throw new Error(`${definition.name} cannot run:\n${errors.join("\n")}`);
  }
  return graph;
}

/** Lines are those of the class's text, counted from its first. */
function placesIn(code: string, file: string): SourcePlaces {
  const inSource = (source: string, line: number, column: number): SourcedPlace => {
    return { source, file: source, line, column, sourceLine: code.split("\n")[line - 1] ?? "" };
  };
  return {
    at: (offset) => {
      const lines = code.slice(0, offset).split("\n");
      return inSource(file, lines.length, (lines.at(-1) ?? "").length + 1);
    },
    textOf: () => code,
    offsetOf: ({ line, column }) =>
      code
        .split("\n")
        .slice(0, line - 1)
        .join("\n").length +
      (line > 1 ? 1 : 0) +
      column -
      1,
    inSource,
  };
}
