// The graph of a flow class as it stands in this process, without bundling its file: a test runner has compiled it.

import type { FlowGraph } from "../../proto/graph.ts";
import type { FlowDefinition } from "../../sdk/flow/definition.ts";
import type { FlowClass } from "../../sdk/flow/flow-spec.ts";
import { extractGraph } from "../../sdk/graph/extract.ts";
import { isError } from "../../sdk/graph/problem.ts";
import { classTextsOf, flowSource } from "../../sdk/package/flow-source.ts";
import type { SourcedPlace, SourcePlaces } from "../../sdk/package/source-places.ts";

/** @throws Error that lists what is wrong with the flow */
export function graphOf(flowClass: FlowClass, definition: FlowDefinition): FlowGraph {
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
