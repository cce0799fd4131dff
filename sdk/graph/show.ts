// A flow's graph for people and for other tools.

import { targetsOf } from "../../proto/graph.ts";
import type { FlowGraph, StepNode } from "../../proto/graph.ts";
import { unreachable } from "../../proto/unreachable.ts";
import { showAsText } from "./show-text.ts";

export const showFormats = ["text", "mermaid", "dot", "json"] as const;
export type ShowFormat = (typeof showFormats)[number];

/** `file` is the flow's file as it is to be named. Ends in a newline. */
export function showFlow(graph: FlowGraph, options: { readonly format: ShowFormat; readonly file: string }): string {
  switch (options.format) {
    case "text":
      return showAsText(graph, options.file);
    case "mermaid":
      return showAsMermaid(graph);
    case "dot":
      return showAsDot(graph);
    case "json":
      return `${JSON.stringify(graph, null, 2)}\n`;
    default:
      return unreachable(options.format);
  }
}

type Arrow = { readonly to: string; readonly label: string; readonly thick: boolean };

function arrowsOf(step: StepNode): readonly Arrow[] {
  const { transition } = step;
  if (transition.kind === "switch") {
    return Object.entries(transition.cases).map(([key, to]) => ({ to, label: `${transition.condition} = ${key}`, thick: false }));
  }
  const label = transition.kind === "foreach" ? `foreach ${transition.artifact}` : "";
  return targetsOf(transition).map((to) => ({ to, label, thick: transition.kind === "foreach" }));
}

function showAsMermaid(graph: FlowGraph): string {
  // Names of their own, since `end` is a word of the language.
  const nodes = graph.steps.map(({ name, joins, transition }) => {
    const text = JSON.stringify(name);
    const shape =
      joins !== null
        ? `[/${text}/]`
        : transition.kind === "switch"
          ? `{${text}}`
          : name === "start" || name === "end"
            ? `([${text}])`
            : `[${text}]`;
    return `  step_${name}${shape}`;
  });
  const arrows = graph.steps.flatMap((step) =>
    arrowsOf(step).map(({ to, label, thick }) => {
      const arrow = thick ? "==>" : "-->";
      return `  step_${step.name} ${arrow}${label === "" ? "" : `|${mermaidText(label)}|`} step_${to}`;
    }),
  );
  return `${["flowchart LR", ...nodes, ...arrows].join("\n")}\n`;
}

function mermaidText(text: string): string {
  return `"${text.replaceAll("&", "#amp;").replaceAll('"', "#quot;")}"`;
}

function showAsDot(graph: FlowGraph): string {
  const nodes = graph.steps.map(({ name, joins, transition }) => {
    const shape =
      joins !== null ? "trapezium" : transition.kind === "switch" ? "diamond" : name === "start" || name === "end" ? "oval" : "box";
    return `  "${name}" [shape=${shape}];`;
  });
  const arrows = graph.steps.flatMap((step) =>
    arrowsOf(step).map(({ to, label, thick }) => {
      const attributes = [...(label === "" ? [] : [`label=${JSON.stringify(label)}`]), ...(thick ? ["style=bold"] : [])];
      return `  "${step.name}" -> "${to}"${attributes.length === 0 ? "" : ` [${attributes.join(", ")}]`};`;
    }),
  );
  return `${[`digraph ${graph.flow} {`, "  rankdir=LR;", ...nodes, ...arrows, "}"].join("\n")}\n`;
}
