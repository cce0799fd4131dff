// Which of the classes that a file exports is the flow to run.

import { NameError, parseFlowName } from "../../proto/ids.ts";
import type { FlowName } from "../../proto/ids.ts";
import { FlowSpec } from "../flow/flow-spec.ts";
import type { FlowClass } from "../flow/flow-spec.ts";
import { nearest } from "../flow/nearest.ts";
import { problem } from "../graph/problem.ts";
import type { Problem } from "../graph/problem.ts";
import type { Exports } from "./evaluate.ts";

type ChosenFlow = { readonly flowName: FlowName; readonly exportName: string; readonly flowClass: FlowClass };

/** Where the flow is looked for: `file` as problems name it, and its text. */
export type FlowFile = { readonly file: string; readonly text: string };

export function chooseFlow(exports: Exports, wanted: string | null, from: FlowFile): ChosenFlow | Problem {
  const flows = Object.entries(exports).flatMap(([exportName, value]) => (isFlow(value) ? [{ exportName, flowClass: value }] : []));
  const named = flows.map((flow) => ({ ...flow, name: nameOf(flow.exportName, flow.flowClass) }));
  if (named.length === 0) return noFlow(from, wanted);
  const runnable = named.filter((flow) => !isAbstract(flow.name, from.text));
  const [only] = runnable.length === 0 ? named : runnable;
  const chosen = wanted === null ? (runnable.length > 1 ? undefined : only) : named.find((flow) => flow.name === wanted);
  const names = (runnable.length === 0 ? named : runnable).map((flow) => flow.name);
  if (chosen === undefined) return wanted === null ? severalFlows(from, names) : unknownFlow(from, wanted, names);
  try {
    return { ...chosen, flowName: parseFlowName(chosen.name) };
  } catch (error) {
    if (!(error instanceof NameError)) throw error;
    return problem("SW1410", from.file, { message: error.message, hint: "rename the class" });
  }
}

function isFlow(value: unknown): value is FlowClass {
  return typeof value === "function" && value.prototype instanceof FlowSpec;
}

/** The bundler may have renamed the class; what the file exports keeps its name. */
function nameOf(exportName: string, flowClass: FlowClass): string {
  return exportName === "default" ? flowClass.name.replace(/^_+/, "") : exportName;
}

function isAbstract(name: string, text: string): boolean {
  return new RegExp(`\\babstract\\s+class\\s+${name}\\b`).test(text);
}

function noFlow({ file, text }: FlowFile, wanted: string | null): Problem {
  const declared = Array.from(text.matchAll(/^[ \t]*(?:abstract\s+)?class\s+(\w+)[^{]*?\bextends\s+\w*(?:FlowSpec|Flow)\b/gm));
  const hidden = declared.find((match) => match[1] === wanted) ?? declared[0];
  if (hidden === undefined) {
    const hint = "export a class that extends FlowSpec: `export class HelloFlow extends FlowSpec { … }`";
    return problem("SW1406", file, { message: `${file} exports no flow`, hint });
  }
  const line = text.slice(0, hidden.index).split("\n").length;
  const sourceLine = text.split(/\r?\n/)[line - 1] ?? null;
  const column = (sourceLine?.search(/\S/) ?? 0) + 1;
  const message = `flow ${hidden[1]} is not exported`;
  return problem("SW1406", { file, line, column, sourceLine }, { message, hint: `write \`export class ${hidden[1]} …\`` });
}

function severalFlows({ file }: FlowFile, names: readonly string[]): Problem {
  const message = `${file} exports several flows: ${names.join(", ")}`;
  return problem("SW1407", file, { message, hint: `say which one: ${file}:${names[0]}` });
}

function unknownFlow({ file }: FlowFile, wanted: string, names: readonly string[]): Problem {
  const near = nearest(wanted, names);
  const hint = near === null ? `it exports ${names.join(", ")}` : `did you mean ${near}?`;
  return problem("SW1407", file, { message: `${file} exports no flow named ${wanted}`, hint });
}
