// `stepwell artifacts`: what a run's last step, a step's only task, or one task left.

import type { Control } from "../../proto/control.ts";
import type { TaskId } from "../../proto/ids.ts";
import type { RunView, TaskView } from "../../proto/view.ts";
import { CliError, exitCodes, type ExitCode } from "../cli-error.ts";
import { printDocument, printLines, wantsJson, type Context } from "../context.ts";
import { reading } from "../reading.ts";
import { artifactDocuments, artifactsTable, type VisibleArtifacts } from "../render/artifact-lines.ts";
import { checkStep, resolvePath, viewRun, type Named } from "../run-name.ts";

type TaskArtifacts = VisibleArtifacts & {
  readonly task: TaskId;
  readonly secrets: readonly string[];
  /** When they were collected as garbage, except those that ride in the ledger; null while they are kept. */
  readonly collectedAtMs: number | null;
};

export function artifacts(context: Context): Promise<ExitCode> {
  return reading(context, async ({ control }) => {
    const named = await resolvePath(context.operands[0] ?? "", { control, namespace: context.settings.namespace });
    const found = await artifactsOf(named, control);
    const documents = artifactDocuments(found);
    if (wantsJson(context)) printDocument(context, { task: `${named.run}/${found.task}`, artifacts: documents }, documents);
    else if (context.quiet)
      printLines(
        context,
        documents.map((document) => String(document["name"])),
      );
    else printLines(context, artifactsTable(found));
    return exitCodes.ok;
  });
}

/** @throws CliError notFound, conflict */
export async function artifactsOf(named: Named, control: Control): Promise<TaskArtifacts> {
  const view = await viewRun(named.run, control);
  return ofTask(view, await shownTask(view, named, control));
}

/** A run means its `end` task, a step its only task. @throws CliError notFound, conflict */
export async function shownTask(view: RunView, { run, within }: Named, control: Control): Promise<TaskView> {
  if (within.step !== undefined) checkStep(view, within.step);
  if (within.task !== undefined) return control.task(run, within.task);
  const step = within.step ?? view.graph.steps.find((node) => node.transition.kind === "end")?.name;
  if (step === undefined) throw new CliError("notFound", `${run} has no last step`);
  const page = await control.tasks(run, { step, limit: 2 });
  const [first, second] = page.items;
  if (first === undefined)
    throw new CliError("notFound", `${run}: step ${step} has not run`, { hint: `see how far the run is: stepwell status ${run}` });
  if (second !== undefined)
    throw new CliError("badValue", `${run}/${step} has several tasks`, { hint: `name one, like ${run}/${first.task}` });
  return first;
}

/** The run's parameters can be read from every task, but for those that are secret. */
function ofTask(view: RunView, { task, artifacts, produced }: Pick<TaskView, "task" | "artifacts" | "produced">): TaskArtifacts {
  const given = Object.entries(view.parameters).filter(([name]) => !view.secrets.includes(name));
  return {
    task,
    artifacts: { ...Object.fromEntries(given), ...artifacts },
    produced: new Set(produced),
    parameters: new Set(given.flatMap(([name]) => (name in artifacts ? [] : [name]))),
    secrets: view.secrets,
    collectedAtMs: view.collectedAtMs ?? null,
  };
}
