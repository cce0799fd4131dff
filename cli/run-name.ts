// From what a person types to name a run, a task or an artifact to the thing itself.

import type { Control } from "../proto/control.ts";
import { parsePathspec, runIdOf, NameError, type FlowName, type Pathspec, type RunId } from "../proto/ids.ts";
import type { RunView } from "../proto/view.ts";
import { CliError } from "./cli-error.ts";
import { didYouMean } from "./format/suggestion.ts";

/** A run that exists, and what was named within it. */
export type Named = { readonly run: RunId; readonly within: Pick<Pathspec, "step" | "task" | "artifact"> };

export type Scope = { readonly control: Control; readonly namespace: string };

/** `TrainFlow/17`, `TrainFlow/latest`, `TrainFlow`, `latest`, each with more after it. @throws CliError notFound, badValue */
export async function resolvePath(text: string, scope: Scope): Promise<Named> {
  const words = text.replace(/\/$/, "").split("/");
  if (words[0] === "latest") {
    const run = await newestRun(null, scope);
    return { run, within: parse([run, ...words.slice(1)].join("/")) };
  }
  const path = parse(text.replace(/\/$/, ""));
  const run = path.run === undefined || path.run === "latest" ? await newestRun(path.flow, scope) : runIdOf(path.flow, path.run);
  return { run, within: path };
}

/** Like resolvePath, and refuses what names more than a run. @throws CliError notFound, badValue */
export async function resolveRun(text: string, scope: Scope): Promise<RunId> {
  const { run, within } = await resolvePath(text, scope);
  if (within.step !== undefined) throw new CliError("badValue", `"${text}" names more than a run`, { hint: `the run is ${run}` });
  return run;
}

/** The view of a run, or an error that tells which runs there are. @throws CliError notFound */
export async function viewRun(run: RunId, control: Control): Promise<RunView> {
  try {
    return await control.run(run);
  } catch (error) {
    if (isNotFound(error)) throw await unknownRun(run, control);
    throw error;
  }
}

/** Checks a step's name against the run's graph. @throws CliError notFound */
export function checkStep(view: RunView, step: string): void {
  const names = view.graph.steps.map((node) => node.name);
  if (names.some((name) => name === step)) return;
  throw new CliError("notFound", `${view.run} has no step "${step}"`, { hint: didYouMean(step, names) ?? `steps: ${names.join(", ")}` });
}

export async function newestRun(flow: FlowName | null, { control, namespace }: Scope): Promise<RunId> {
  const page = await control.runs({ ...(flow !== null && { flow }), namespace: namespace === "" ? null : namespace, limit: 1 });
  const newest = page.items[0];
  if (newest !== undefined) return newest.run;
  const everywhere = await control.runs({ ...(flow !== null && { flow }), namespace: null, limit: 1 });
  const other = everywhere.items[0];
  if (other !== undefined) {
    throw new CliError("notFound", `there is no run${flow === null ? "" : ` of ${flow}`} in namespace ${namespace}`, {
      hint: `name it (${other.run}), or look everywhere with --namespace=`,
    });
  }
  throw new CliError("notFound", flow === null ? "nothing has run here yet" : `there is no run of ${flow}`, {
    hint: (flow === null ? null : didYouMean(flow, await flowNames(control))) ?? "start one: stepwell run FILE",
  });
}

export function flowNames(control: Control): Promise<readonly FlowName[]> {
  return control.flows(null);
}

async function unknownRun(run: RunId, control: Control): Promise<CliError> {
  const flow = parsePathspec(run).flow;
  const page = await control.runs({ flow, namespace: null, limit: 1 });
  const newest = page.items[0];
  const hint = newest === undefined ? didYouMean(flow, await flowNames(control)) : `the newest run of ${flow} is ${newest.run}`;
  return new CliError("notFound", `there is no run ${run}`, { hint: hint ?? "see stepwell runs" });
}

function parse(text: string): Pathspec {
  try {
    return parsePathspec(text);
  } catch (error) {
    if (error instanceof NameError) throw new CliError("badValue", error.message);
    throw error;
  }
}

function isNotFound(error: unknown): boolean {
  return error instanceof Error && error.name === "ControlError" && "code" in error && error.code === "notFound";
}
