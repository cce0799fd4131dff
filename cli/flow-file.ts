// Reads and checks a flow's file for commands that need one, and shows what is wrong with it.

import { readdirSync, statSync } from "node:fs";
import { dirname, extname, join, resolve } from "node:path";
import { checkFlow, type CheckedFlow } from "../sdk/graph/check-flow.ts";
import { formatProblem } from "../sdk/graph/format-problem.ts";
import { isError, type Problem } from "../sdk/graph/problem.ts";
import { CliError } from "./cli-error.ts";
import { wantsJson, type Context } from "./context.ts";
import type { FlowCode } from "./flow-code.ts";
import { didYouMean } from "./format/suggestion.ts";
import { countOfThings } from "./format/count.ts";

/** `flow.ts` or `flow.ts:TrainFlow`. */
export type FlowFile = { readonly path: string; readonly flowName: string | undefined };

/** @throws CliError badFile */
export function findFlowFile(text: string, cwd: string): FlowFile {
  const named = /^(?<file>.+\.[cm]?[jt]sx?):(?<flow>\w+)$/.exec(text)?.groups;
  const file = named?.["file"] ?? text;
  const path = resolve(cwd, file);
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) throw new CliError("badFile", `there is no file ${file}`, { hint: fileLike(file, path) });
  if (found.isDirectory())
    throw new CliError("badFile", `${file} is a folder`, { hint: `name the flow's file in it: ${join(file, "flow.ts")}` });
  return { path, flowName: named?.["flow"] };
}

/** A file of that folder whose name is nearly the same. */
function fileLike(file: string, path: string): string {
  const there = statSync(dirname(path), { throwIfNoEntry: false })?.isDirectory() === true ? readdirSync(dirname(path)) : [];
  const like = didYouMean(
    file,
    there.filter((name) => extname(name) === extname(file)).map((name) => join(dirname(file), name)),
  );
  return like ?? "write a first flow with: stepwell init";
}

export function checkFlowFile(context: Context, { path, flowName }: FlowFile): Promise<CheckedFlow> {
  return checkFlow(path, { folder: context.cwd, ...(flowName !== undefined && { flowName }) });
}

/** Checks the flow; what is wrong with it, even if it can run, is shown on stderr. @throws CliError flowRefused */
export async function readFlow(context: Context, file: FlowFile): Promise<FlowCode> {
  const checked = await checkFlowFile(context, file);
  if (checked.graph === null) throw refusal(context, checked.problems);
  showProblems(context, checked.problems);
  return { graph: checked.graph, definition: checked.definition, bytes: checked.package };
}

export function showProblems(context: Context, problems: readonly Problem[]): void {
  const { err } = context.terminal;
  for (const found of problems) err.write(`${formatProblem(found, { color: err.paint.isColorSupported })}\n`);
}

function refusal(context: Context, problems: readonly Problem[]): CliError {
  const errors = problems.filter(isError);
  const [first] = errors;
  const count = countOfThings(errors.length, "error");
  if (!wantsJson(context)) {
    showProblems(context, problems);
    return new CliError("flowRefused", `${first?.file ?? "the flow"}: ${count}, so nothing ran`);
  }
  const location = first === undefined || first.line === null ? null : { file: first.file, line: first.line, column: first.column ?? 1 };
  return new CliError("flowRefused", first?.message ?? count, { hint: first?.hint ?? null, location, details: problems });
}
