// `stepwell run`: checks a flow, submits it to a coordinator in this process, and shows it until it ends.

import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import type { SubmitRequest } from "../../proto/control.ts";
import type { RunId } from "../../proto/ids.ts";
import { exitCodes, type ExitCode } from "../cli-error.ts";
import { printDocument, printLines, printNote, wantsJson, type Context } from "../context.ts";
import type { FlowCode } from "../flow-code.ts";
import { findFlowFile, readFlow } from "../flow-file.ts";
import { resolveFlowParameters } from "../flow-parameters.ts";
import { followRun } from "../follow-run.ts";
import { formatDuration } from "../format/duration.ts";
import { startLocal, type LocalCluster } from "../local-cluster.ts";
import { checkedLine } from "../render/checked-line.ts";
import { keepInputs, submitRequest } from "../submission.ts";
import { addDecorators, decoratorsOf } from "../with-decorators.ts";

export async function run(context: Context): Promise<ExitCode> {
  const [text = ""] = context.operands;
  const startMs = context.nowMs();
  const file = findFlowFile(text, context.cwd);
  const checked = withDecorators(context, await readFlow(context, file));
  const values = await resolveFlowParameters(context, checked.definition);
  if (context.options.flag("dry-run")) return showDryRun(context, checked, text);
  showChecked(context, checked, { text, tookMs: context.nowMs() - startMs });
  return runLocally(context, async (cluster) => {
    const inputs = await keepInputs(cluster.store, checked, values);
    return submitRequest(context, { graph: checked.graph, ...inputs, flowPath: file.path, resume: null });
  });
}

export function withDecorators(context: Context, checked: FlowCode): FlowCode {
  const specs = context.options.texts("with");
  return { ...checked, graph: addDecorators(checked.graph, specs, decoratorsOf(checked.definition)) };
}

/** Starts coordinator and worker, submits what `prepare` makes, and follows it to its end. */
export async function runLocally(context: Context, prepare: (cluster: LocalCluster) => Promise<SubmitRequest>): Promise<ExitCode> {
  const { dir, maxWorkers, isolation, logLevel } = context.settings;
  const cluster = await startLocal({ dir, slots: maxWorkers, isolation, log: logLevel });
  try {
    const request = await prepare(cluster);
    const name = await cluster.control.submit(request);
    writeRunIdFile(context, name);
    return await followRun(context, cluster, { run: name, logs: context.settings.logs, own: cluster });
  } finally {
    await cluster.close();
  }
}

function writeRunIdFile(context: Context, run: RunId): void {
  const file = context.options.text("run-id-file");
  if (file !== undefined) writeFileSync(resolve(context.cwd, file), `${run}\n`);
}

/** Steps for Batch say once that they stay here. */
function showChecked(context: Context, { graph }: FlowCode, { text, tookMs }: { text: string; tookMs: number }): void {
  const batch = graph.steps.filter((step) => step.policy.batch !== null).map((step) => step.name);
  if (batch.length > 0)
    printNote(
      context,
      `note: ${batch.join(", ")} ${batch.length === 1 ? "has" : "have"} @batch; without a cluster ${batch.length === 1 ? "it runs" : "they run"} on this machine`,
    );
  if (!wantsJson(context) && !context.quiet && context.terminal.out.live) {
    printLines(context, [`${checkedLine(graph, text, context.terminal.out.paint)}  ${formatDuration(tookMs)}`]);
  }
}

function showDryRun(context: Context, { graph }: FlowCode, text: string): ExitCode {
  if (wantsJson(context)) printDocument(context, { flow: graph.flow, steps: graph.steps.map((step) => step.name), wouldRun: true });
  else printLines(context, [checkedLine(graph, text, context.terminal.out.paint), "nothing was run (--dry-run)"]);
  return exitCodes.ok;
}
