// `stepwell artifacts`: what a run's last step, a step's only task, or one task left.

import type { Artifacts } from "../../proto/artifact.ts";
import type { Control } from "../../proto/control.ts";
import type { TaskId } from "../../proto/ids.ts";
import { CliError, exitCodes, type ExitCode } from "../cli-error.ts";
import { printDocument, printLines, wantsJson, type Context } from "../context.ts";
import { reading } from "../reading.ts";
import { artifactDocuments, artifactsTable } from "../render/artifact-lines.ts";
import { checkStep, resolvePath, viewRun, type Named } from "../run-name.ts";

/** What is visible after a task, and which of it the task set itself. */
export type TaskArtifacts = { readonly task: TaskId; readonly artifacts: Artifacts; readonly produced: ReadonlySet<string> };

export function artifacts(context: Context): Promise<ExitCode> {
  return reading(context, async ({ control }) => {
    const named = await resolvePath(context.operands[0] ?? "", { control, namespace: context.settings.namespace });
    const found = await artifactsOf(named, control);
    const documents = artifactDocuments(found.artifacts, found.produced);
    if (wantsJson(context)) printDocument(context, { task: `${named.run}/${found.task}`, artifacts: documents }, documents);
    else if (context.quiet)
      printLines(
        context,
        documents.map((document) => String(document["name"])),
      );
    else printLines(context, artifactsTable(found.artifacts, found.produced));
    return exitCodes.ok;
  });
}

/** A run means its `end` task, a step its only task. @throws CliError notFound, conflict */
export async function artifactsOf({ run, within }: Named, control: Control): Promise<TaskArtifacts> {
  const view = await viewRun(run, control);
  if (within.step !== undefined) checkStep(view, within.step);
  if (within.task !== undefined) return ofTask(await control.task(run, within.task));
  const step = within.step ?? view.graph.steps.find((node) => node.transition.kind === "end")?.name;
  if (step === undefined) throw new CliError("notFound", `${run} has no last step`);
  const page = await control.tasks(run, { step, limit: 2 });
  const [first, second] = page.items;
  if (first === undefined)
    throw new CliError("notFound", `${run}: step ${step} has not run`, { hint: `see how far the run is: stepwell status ${run}` });
  if (second !== undefined)
    throw new CliError("badValue", `${run}/${step} has several tasks`, { hint: `name one, like ${run}/${first.task}` });
  return ofTask(first);
}

function ofTask(task: { readonly task: TaskId; readonly artifacts: Artifacts; readonly produced: readonly string[] }): TaskArtifacts {
  return { task: task.task, artifacts: task.artifacts, produced: new Set(task.produced) };
}
