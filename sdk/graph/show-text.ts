// A flow's graph as text: the way from start to end, the parameters, and a line for each step.

import { targetsOf } from "../../proto/graph.ts";
import type { FlowGraph, ParameterSpec, StepNode, StepPolicy, StepResources } from "../../proto/graph.ts";
import type { StepName } from "../../proto/ids.ts";

export function showAsText(graph: FlowGraph, file: string): string {
  const [firstLine = ""] = graph.doc.split("\n");
  const title = `${graph.flow}  ${file}${firstLine === "" ? "" : `        "${firstLine}"`}`;
  const params = wrapped(graph.parameters.map(showParameter)).map((line, i) => `${i === 0 ? "params" : "      "}   ${line}`);
  const limit = graph.concurrencyMax === undefined ? [] : [`at most ${graph.concurrencyMax} tasks at the same time, over all runs`];
  const lines = [title, ...picture(graph), ...params, ...limit, ...table(graph)];
  return `${lines.map((line, i) => (i === 0 ? line : `  ${line}`.trimEnd())).join("\n")}\n`;
}

/** Columns that the picture and the parameters take at most, where they can be broken. */
const columnsMax = 96;

function wrapped(texts: readonly string[]): readonly string[] {
  const lines: string[] = [];
  for (const text of texts) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + text.length + 3 <= columnsMax) lines[lines.length - 1] = `${last}   ${text}`;
    else lines.push(text);
  }
  return lines;
}

/** `rest` goes on below, from the left, with what has no room beside `block`. */
type Drawing = { readonly block: readonly string[]; readonly rest: readonly string[] };

/** Ways that come together again are drawn once; the others end in the step's name. */
function picture(graph: FlowGraph): readonly string[] {
  const steps = new Map(graph.steps.map((step) => [step.name, step]));
  const drawn = new Set<StepName>();
  const draw = (name: StepName): Drawing => {
    const step = steps.get(name);
    if (step === undefined || drawn.has(name)) return { block: [name], rest: [] };
    drawn.add(name);
    const ways = arrowsFrom(step, steps).map(({ arrow, to }) => ({ arrow, drawing: draw(to) }));
    const [first, second] = ways;
    if (first === undefined) return { block: [name], rest: [] };
    return second === undefined ? drawChain(name, first) : { block: drawFork(name, ways), rest: [] };
  };
  const { block, rest } = draw("start" as StepName);
  return [...block, ...rest];
}

type Way = { readonly arrow: string; readonly drawing: Drawing };

function drawChain(name: StepName, { arrow, drawing: { block, rest } }: Way): Drawing {
  const lead = `${name} ${arrow} `;
  if (lead.length + Math.max(...block.map((line) => line.length)) > columnsMax) {
    return { block: [lead.trimEnd()], rest: [...block.map((line) => `    ${line}`), ...rest] };
  }
  return { block: block.map((line, at) => (at === 0 ? lead : " ".repeat(lead.length)) + line), rest };
}

function drawFork(name: StepName, ways: readonly Way[]): readonly string[] {
  return ways.flatMap(({ arrow, drawing: { block, rest } }, i) => {
    const last = i === ways.length - 1;
    const lead = `${i === 0 ? name : " ".repeat(name.length)}${i === 0 ? " ─┬" : last ? "  └" : "  ├"}${arrow} `;
    const below = " ".repeat(name.length) + (last ? "   " : "  │");
    return [...block, ...rest].map((line, at) => (at === 0 ? lead : below.padEnd(lead.length)) + line);
  });
}

function arrowsFrom(step: StepNode, steps: ReadonlyMap<StepName, StepNode>): readonly { readonly arrow: string; readonly to: StepName }[] {
  const { transition } = step;
  if (transition.kind === "switch") {
    return Object.entries(transition.cases).map(([key, to]) => ({ arrow: `${transition.condition}=${key}▶`, to }));
  }
  return targetsOf(transition).map((to) => {
    if (transition.kind === "foreach") return { arrow: `═foreach(${transition.artifact})▶`, to };
    if (steps.get(to)?.joins) return { arrow: "═join▶", to };
    return { arrow: transition.kind === "branch" ? "▶" : "─▶", to };
  });
}

function showParameter(spec: ParameterSpec): string {
  const value = spec.required ? " (required)" : spec.defaultJson === null ? "" : ` =${spec.defaultJson}`;
  const choices = spec.choices === null ? "" : ` of ${spec.choices.join("|")}`;
  return `${spec.name} ${spec.kind}${choices}${spec.secret ? " (secret)" : ""}${value}`;
}

function table(graph: FlowGraph): readonly string[] {
  const rows = graph.steps.map((step) => [
    step.name,
    typeOf(step),
    targetsOf(step.transition).join(", ") || "-",
    decoratorsOf(step.policy),
    lineOf(step, graph),
  ]);
  const all = [["step", "type", "next", "decorators", "line"], ...rows];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}

function typeOf({ name, joins, transition }: StepNode): string {
  const kind = name === "start" && transition.kind === "linear" ? "start" : transition.kind;
  if (joins === null) return kind;
  return kind === "linear" ? "join" : `join, ${kind}`;
}

function lineOf(step: StepNode, graph: FlowGraph): string {
  return step.file === graph.file ? String(step.line) : `${step.file}:${step.line}`;
}

function decoratorsOf(policy: StepPolicy): string {
  const { retry, catch: caught, timeoutSeconds, resources, concurrencyMax, batch, environment, isolated } = policy;
  const needs = batch === null ? showNeeds(resources) : showPlacement(resources).join(",");
  const variables = Object.keys(environment);
  const shown = [
    retry === null ? "" : `retry(${retry.times})`,
    caught === null ? "" : caught.var === null ? "catchError" : `catchError(${caught.var})`,
    timeoutSeconds === null ? "" : `timeout(${showSeconds(timeoutSeconds)})`,
    batch === null ? "" : `batch(${showSizes(batch).join(",")})`,
    needs === "" ? "" : `resources(${needs})`,
    concurrencyMax === undefined ? "" : `concurrency(${concurrencyMax})`,
    variables.length === 0 ? "" : `environment(${variables.join(",")})`,
    isolated ? "isolated" : "",
  ];
  return shown.filter((text) => text !== "").join(" ") || "-";
}

function showNeeds(resources: StepResources): string {
  return [...showSizes(resources), ...showPlacement(resources)].join(",");
}

function showSizes({
  cpu,
  memoryMiB,
  memoryMaxMiB,
  gpu,
}: Pick<StepResources, "cpu" | "memoryMiB" | "memoryMaxMiB" | "gpu">): readonly string[] {
  const most = memoryMaxMiB === undefined ? "" : `..${showMemory(memoryMaxMiB)}`;
  const memory = memoryMiB === null ? [] : [`mem=${showMemory(memoryMiB)}${most}`];
  return [...(cpu === null ? [] : [`cpu=${cpu}`]), ...memory, ...(gpu > 0 ? [`gpu=${gpu}`] : [])];
}

function showMemory(memoryMiB: number): string {
  return memoryMiB % 1024 === 0 ? `${memoryMiB / 1024}G` : `${memoryMiB}M`;
}

function showPlacement({ labels = {}, pool }: StepResources): readonly string[] {
  return [...Object.entries(labels).map(([name, value]) => `${name}=${value}`), ...(pool === undefined ? [] : [`pool=${pool}`])];
}

function showSeconds(seconds: number): string {
  if (seconds % 3600 === 0) return `${seconds / 3600}h`;
  return seconds % 60 === 0 ? `${seconds / 60}m` : `${seconds}s`;
}
