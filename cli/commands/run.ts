// `stepwell run`: checks a flow, submits it to a coordinator in this process, and shows it until it ends.

import { writeFileSync } from "node:fs";
import type { SubmitRequest } from "../../proto/control.ts";
import type { RunId } from "../../proto/ids.ts";
import { exitCodes, type ExitCode } from "../cli-error.ts";
import { printDocument, printLines, printNote, wantsJson, type Context } from "../context.ts";
import type { FlowCode } from "../flow-code.ts";
import { endpointOf } from "../endpoint.ts";
import { findFlowFile, readFlow } from "../flow-file.ts";
import { resolveFlowParameters } from "../flow-parameters.ts";
import { followRun } from "../follow-run.ts";
import { formatDuration } from "../format/duration.ts";
import type { Cluster } from "../reader.ts";
import { startCluster } from "../start-cluster.ts";
import { outputPath } from "../output-file.ts";
import { showDetached, wantsDetach } from "../detached.ts";
import { checkedLine } from "../render/checked-line.ts";
import { clusterNotes, machineNotes } from "../render/machine-notes.ts";
import { askedOf, keepInputs, submitRequest } from "../submission.ts";
import { addDecorators, decoratorsOf } from "../with-decorators.ts";

export async function run(context: Context): Promise<ExitCode> {
  const [text = ""] = context.operands;
  const file = findFlowFile(text, context.cwd);
  const startMs = context.nowMs();
  const check = async () => {
    const code = withDecorators(context, await readFlow(context, file));
    return { code, values: await resolveFlowParameters(context, code.definition) };
  };
  if (context.options.flag("dry-run")) return showDryRun(context, (await check()).code, text);
  return submitAndFollow(context, async (starting) => {
    const { code, values } = await check();
    showChecked(context, code, { text, tookMs: context.nowMs() - startMs });
    const inputs = await keepInputs((await starting).store, code, values);
    return submitRequest(askedOf(context), { graph: code.graph, ...inputs, flowPath: file.path, resume: null });
  });
}

export function withDecorators(context: Context, checked: FlowCode): FlowCode {
  const specs = context.options.texts("with");
  return { ...checked, graph: addDecorators(checked.graph, specs, decoratorsOf(checked.definition)) };
}

/** What runs it starts while `prepare` makes the request: a flow is bundled by another process meanwhile. */
export async function submitAndFollow(
  context: Context,
  prepare: (starting: Promise<Cluster>) => Promise<SubmitRequest>,
): Promise<ExitCode> {
  const idFile = context.options.text("run-id-file");
  if (idFile !== undefined) outputPath("--run-id-file", idFile, context.cwd);
  const detached = wantsDetach(context);
  const starting = startCluster(context.settings, context.env, detached);
  // What is wrong with the flow is told first; that the cluster did not start shows when it is waited for.
  starting.catch(() => undefined);
  try {
    const request = await prepare(starting);
    const cluster = await starting;
    const name = await cluster.control.submit(request);
    writeRunIdFile(context, name);
    if (detached) return showDetached(context, name);
    await cluster.join(name);
    return await followRun(context, cluster, { run: name, logs: context.settings.logs, own: cluster });
  } finally {
    await starting.then(
      (cluster) => cluster.close(),
      () => undefined,
    );
  }
}

function writeRunIdFile(context: Context, run: RunId): void {
  const file = context.options.text("run-id-file");
  if (file !== undefined) writeFileSync(outputPath("--run-id-file", file, context.cwd), `${run}\n`);
}

/** Steps that ask for another machine say once that they stay here. */
function showChecked(context: Context, { graph }: FlowCode, { text, tookMs }: { text: string; tookMs: number }): void {
  const inCluster = endpointOf(context.settings, context.env) !== null;
  for (const note of inCluster ? clusterNotes(graph) : machineNotes(graph, context.settings)) printNote(context, note);
  if (!wantsJson(context) && !context.quiet && context.terminal.out.live) {
    printLines(context, [`${checkedLine(graph, text, context.terminal.out.paint)}  ${formatDuration(tookMs)}`]);
  }
}

function showDryRun(context: Context, { graph }: FlowCode, text: string): ExitCode {
  if (wantsJson(context)) printDocument(context, { flow: graph.flow, steps: graph.steps.map((step) => step.name), wouldRun: true });
  else printLines(context, [checkedLine(graph, text, context.terminal.out.paint), "nothing was run (--dry-run)"]);
  return exitCodes.ok;
}
