// `stepwell resume`: a new run that reuses what succeeded and is unchanged, or the same run taken up again.

import { existsSync } from "node:fs";
import { relative, resolve } from "node:path";
import { sameValue, type Artifacts } from "../../proto/artifact.ts";
import type { ResumeRequest, SubmitRequest } from "../../proto/control.ts";
import { parseStepName, type StepName } from "../../proto/ids.ts";
import type { RunView } from "../../proto/view.ts";
import { readArtifact } from "../../sdk/artifact/read.ts";
import { changedSteps, readCodeFacts } from "../../sdk/graph/code-changes.ts";
import { CliError, exitCodes, type ExitCode } from "../cli-error.ts";
import { printDocument, printLines, printNote, wantsJson, type Context } from "../context.ts";
import { codeOf, type FlowCode } from "../flow-code.ts";
import { findFlowFile, readFlow, type FlowFile } from "../flow-file.ts";
import { resolveFlowParameters } from "../flow-parameters.ts";
import type { LocalReader } from "../local-cluster.ts";
import { reading } from "../reading.ts";
import { planLines } from "../render/plan-lines.ts";
import { checkStep, flowNames, newestRun, resolveRun, viewRun, type Scope } from "../run-name.ts";
import { keepInputs, rememberedFile, submitRequest } from "../submission.ts";
import { retryInPlace } from "./retry.ts";
import { runLocally, withDecorators } from "./run.ts";

/** Where to go on from. */
type Origin = { readonly view: RunView; readonly from: StepName | null };

export async function resume(context: Context): Promise<ExitCode> {
  const origin = await reading(context, (local) => findOrigin(context, local));
  if (!context.options.flag("in-place")) {
    if (context.options.flag("dry-run")) return reading(context, (local) => showPlan(context, local, origin));
    return runLocally(context, async (starting) => (await prepare(context, await starting, origin)).request);
  }
  if (origin.from !== null) {
    throw new CliError("badValue", "--in-place goes on with what is unfinished and takes no step", {
      hint: `to run ${origin.from} again, leave out --in-place`,
    });
  }
  return retryInPlace(context, origin.view.run, null);
}

/** Without a name, the newest run there is: resumed runs count, so that nothing is done twice. */
async function findOrigin(context: Context, { control }: LocalReader): Promise<Origin> {
  const scope: Scope = { control, namespace: context.settings.namespace };
  const [first, second] = context.operands;
  const named = first !== undefined && (second !== undefined || (await namesRun(first, scope)));
  const run = named ? await resolveRun(first, scope) : await newestRun(null, scope);
  const step = named ? second : first;
  const view = await viewRun(run, control);
  if (step === undefined) return { view, from: null };
  checkStep(view, step);
  return { view, from: parseStepName(step) };
}

async function namesRun(text: string, { control }: Scope): Promise<boolean> {
  if (text.includes("/") || text === "latest") return true;
  return (await flowNames(control)).some((flow) => flow === text);
}

type Prepared = { readonly request: SubmitRequest & { readonly resume: ResumeRequest }; readonly file: FlowFile | null };

async function prepare(context: Context, { store }: Pick<LocalReader, "store">, { view, from }: Origin): Promise<Prepared> {
  const before = await codeOf(view, store);
  const file = flowFileOf(context, view);
  const code = withDecorators(context, file === null ? before : await readFlow(context, file));
  checkSameFlow(code, view, file);
  const values = await resolveFlowParameters(context, code.definition, await valuesOf(view, { store, code }));
  const inputs = await keepInputs(store, code, values);
  const facts = readCodeFacts(code.bytes);
  const resume: ResumeRequest = {
    origin: view.run,
    from,
    changedSteps: changedSteps(readCodeFacts(before.bytes), facts),
    changedParameters: changedNames(view.parameters, inputs.parameters),
    stepsReadingParameters: facts.readBy,
    rerunCaught: context.options.flag("rerun-caught"),
  };
  const request = submitRequest(context, { graph: code.graph, ...inputs, flowPath: file?.path ?? null, resume });
  return { request: { ...request, resume }, file };
}

/** The file that was given, or the one that the origin was made of if it is still there; else null. */
function flowFileOf(context: Context, view: RunView): FlowFile | null {
  const given = context.options.text("file");
  if (given !== undefined) {
    const { path, flowName } = findFlowFile(given, context.cwd);
    return { path, flowName: flowName ?? view.flow };
  }
  const remembered = rememberedFile(view.systemTags);
  const path = remembered === null ? null : resolve(context.settings.dir, remembered);
  if (path !== null && existsSync(path)) return { path, flowName: view.flow };
  printNote(
    context,
    `note: ${path ?? `the file of ${view.flow}`} is not here, so the code of ${view.run} is used as it was (--file FILE uses another)`,
  );
  return null;
}

function checkSameFlow(code: FlowCode, view: RunView, file: FlowFile | null): void {
  if (code.graph.flow === view.flow) return;
  throw new CliError("badFile", `${file?.path} holds ${code.graph.flow}, but ${view.run} is a run of ${view.flow}`, {
    hint: "name another file with --file FILE",
  });
}

/** Parameters of the origin that the flow still has; the command line may change them. */
async function valuesOf(view: RunView, { store, code }: { store: LocalReader["store"]; code: FlowCode }): Promise<Record<string, unknown>> {
  const values: Record<string, unknown> = {};
  for (const { spec } of code.definition.parameters) {
    const ref = view.parameters[spec.name];
    if (ref !== undefined) values[spec.name] = await readArtifact(ref, store);
  }
  return values;
}

function changedNames(before: Artifacts, after: Artifacts): readonly string[] {
  return Object.entries(after).flatMap(([name, ref]) => {
    const old = before[name];
    return old !== undefined && sameValue(old, ref) ? [] : [name];
  });
}

async function showPlan(context: Context, local: LocalReader, origin: Origin): Promise<ExitCode> {
  const { request, file } = await prepare(context, local, origin);
  const plan = await local.control.plan(request);
  if (wantsJson(context)) {
    printDocument(context, { ...plan, changedSteps: request.resume.changedSteps, changedParameters: request.resume.changedParameters });
    return exitCodes.ok;
  }
  const lines = planLines(plan, {
    paint: context.terminal.out.paint,
    file: file === null ? null : relative(context.cwd, file.path),
    changedSteps: request.resume.changedSteps,
    code: { from: origin.view.codePackage, to: request.codePackage },
  });
  printLines(context, lines);
  return exitCodes.ok;
}
