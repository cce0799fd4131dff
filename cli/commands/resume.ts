// `stepwell resume`: a new run that reuses what succeeded and is unchanged, or the same run taken up again.

import { relative } from "node:path";
import type { Control, ResumePlan, ResumeRequest, SubmitRequest } from "../../proto/control.ts";
import { parseStepName, type StepName, type TaskId } from "../../proto/ids.ts";
import type { RunView, TaskStatus } from "../../proto/view.ts";
import { CliError, exitCodes, type ExitCode } from "../cli-error.ts";
import { printDocument, printLines, printNote, wantsJson, type Context } from "../context.ts";
import { codeOf } from "../flow-code.ts";
import { findFlowFile, readFlow, type FlowFile } from "../flow-file.ts";
import { resolveFlowParameters } from "../flow-parameters.ts";
import { didYouMean } from "../format/suggestion.ts";
import type { Reader } from "../reader.ts";
import { reading } from "../reading.ts";
import { planLines } from "../render/plan-lines.ts";
import { isInterrupted } from "../render/runs-table.ts";
import { checkSameFlow, fileOf, resumeRequest, valuesOf, type Origin } from "../resumption.ts";
import { checkStep, flowNames, newestRun, resolveRun, viewRun, type Scope } from "../run-name.ts";
import { askedOf, keepInputs, submitRequest } from "../submission.ts";
import { retryInPlace } from "./retry.ts";
import { submitAndFollow, withDecorators } from "./run.ts";

/** Tasks of a step that the plan names. */
const tasksNamedMax = 8;

const unfinished: readonly TaskStatus[] = ["waiting", "ready", "running", "backoff", "failed", "cancelled"];

export async function resume(context: Context): Promise<ExitCode> {
  const origin = await reading(context, (local) => findOrigin(context, local));
  if (!context.options.flag("in-place")) {
    const { run } = origin.view;
    if (isInterrupted(origin.view))
      printNote(context, `note: ${run} was interrupted; to go on with it itself: stepwell resume --in-place ${run}`);
    if (context.options.flag("dry-run")) return reading(context, (local) => showPlan(context, local, origin));
    return submitAndFollow(context, async (starting) => (await prepare(context, await starting, origin)).request);
  }
  if (origin.from !== null) {
    throw new CliError("badValue", "--in-place goes on with what is unfinished and takes no step", {
      hint: `to run ${origin.from} again, leave out --in-place`,
    });
  }
  return retryInPlace(context, origin.view.run, null);
}

/** Without a name, the newest run there is: resumed runs count, so that nothing is done twice. */
async function findOrigin(context: Context, { control }: Reader): Promise<Origin> {
  const scope: Scope = { control, namespace: context.settings.namespace };
  const [first, second] = context.operands;
  const named = first !== undefined && (second !== undefined || (await namesRun(first, scope)));
  const run = named ? await resolveRun(first, scope) : await newestRun(null, scope);
  const step = named ? second : first;
  const view = await viewRun(run, control);
  if (step === undefined) return { view, from: null };
  if (named) checkStep(view, step);
  else await checkFlowOrStep(step, view, control);
  return { view, from: parseStepName(step) };
}

/** A single word may have been meant as either. @throws CliError notFound */
async function checkFlowOrStep(word: string, view: RunView, control: Control): Promise<void> {
  const steps: readonly string[] = view.graph.steps.map((step) => step.name);
  if (steps.includes(word)) return;
  const hint = didYouMean(word, [...steps, ...(await flowNames(control))]) ?? `steps of ${view.run}: ${steps.join(", ")}`;
  throw new CliError("notFound", `"${word}" is no flow that has run and no step of ${view.run}`, { hint });
}

async function namesRun(text: string, { control }: Scope): Promise<boolean> {
  if (text.includes("/") || text === "latest") return true;
  return (await flowNames(control)).some((flow) => flow === text);
}

type Prepared = { readonly request: SubmitRequest & { readonly resume: ResumeRequest }; readonly file: FlowFile | null };

async function prepare(context: Context, { store, storeOf }: Pick<Reader, "store" | "storeOf">, origin: Origin): Promise<Prepared> {
  const { view } = origin;
  const before = await codeOf(view, storeOf(view.run));
  const file = flowFileOf(context, view);
  const code = withDecorators(context, file === null ? before : await readFlow(context, file));
  if (file !== null) checkSameFlow(code, view, file.path);
  const values = await resolveFlowParameters(context, code.definition, await valuesOf(view, code, storeOf(view.run)));
  const inputs = await keepInputs(store, code, values);
  const rerunCaught = context.options.flag("rerun-caught");
  const resume = resumeRequest({ origin, before, code, parameters: inputs.parameters, rerunCaught });
  const request = submitRequest(askedOf(context), { graph: code.graph, ...inputs, flowPath: file?.path ?? null, resume });
  return { request: { ...request, resume }, file };
}

/** The file that was given, or the one that the origin was made of if it is still there; else null. */
function flowFileOf(context: Context, view: RunView): FlowFile | null {
  const given = context.options.text("file");
  if (given !== undefined) {
    const { path, flowName } = findFlowFile(given, context.cwd);
    return { path, flowName: flowName ?? view.flow };
  }
  const remembered = fileOf(view, context.settings.dir);
  if (remembered?.exists === true) return { path: remembered.path, flowName: view.flow };
  printNote(
    context,
    `note: ${remembered?.path ?? `the file of ${view.flow}`} is not here, so the code of ${view.run} is used as it was (--file FILE uses another)`,
  );
  return null;
}

/** Of steps of which a few tasks run again: which ones, if those are just what did not succeed. */
async function unfinishedTasks({ origin, steps }: ResumePlan, control: Control): Promise<ReadonlyMap<StepName, readonly TaskId[]>> {
  const partial = steps.filter((step) => step.reuse > 0 && step.run !== null && step.run > 0 && step.run <= tasksNamedMax);
  const found = partial.map(async ({ step, run }) => {
    const { items } = await control.tasks(origin, { step, status: unfinished, limit: tasksNamedMax + 1 });
    return [step, items.length === run ? items.map((item) => item.task) : []] as const;
  });
  return new Map(await Promise.all(found));
}

async function showPlan(context: Context, local: Reader, origin: Origin): Promise<ExitCode> {
  const { request, file } = await prepare(context, local, origin);
  const plan = await local.control.plan(request);
  if (wantsJson(context)) {
    printDocument(context, { ...plan, changedSteps: request.resume.changedSteps });
    return exitCodes.ok;
  }
  const lines = planLines(plan, {
    unfinished: await unfinishedTasks(plan, local.control),
    paint: context.terminal.out.paint,
    file: file === null ? null : relative(context.cwd, file.path),
    changedSteps: request.resume.changedSteps,
    code: { from: origin.view.codePackage, to: request.codePackage },
  });
  printLines(context, lines);
  return exitCodes.ok;
}
