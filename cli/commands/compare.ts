// `stepwell compare`: runs side by side.

import { readArtifact } from "../../sdk/artifact/read.ts";
import { CliError, exitCodes, type ExitCode } from "../cli-error.ts";
import { printDocument, printLines, wantsJson, type Context } from "../context.ts";
import type { Reader } from "../reader.ts";
import { reading } from "../reading.ts";
import { comparedRows, comparisonMarkdown, comparisonTable, type ComparedRow, type ComparedRun } from "../render/comparison.ts";
import { resolveRun, viewRun } from "../run-name.ts";
import { valueJson } from "../value-text.ts";

export function compare(context: Context): Promise<ExitCode> {
  if (context.operands.length < 2)
    throw new CliError("missing", "stepwell compare needs two runs or more", {
      hint: "for example: stepwell compare TrainFlow/16 TrainFlow/17",
    });
  return reading(context, async (local) => {
    const runs: ComparedRun[] = [];
    for (const text of context.operands) {
      const view = await viewRun(await resolveRun(text, { control: local.control, namespace: context.settings.namespace }), local.control);
      runs.push({ view, parameters: await parametersOf(view, local) });
    }
    const all = comparedRows(runs, context.options.flag("artifacts"));
    show(context, runs, context.options.flag("diff-only") ? all.filter((row) => row.differs) : all);
    return exitCodes.ok;
  });
}

async function parametersOf(view: ComparedRun["view"], { storeOf }: Reader): Promise<Record<string, string>> {
  const values: Record<string, string> = {};
  for (const { name, kind } of view.graph.parameters) {
    const ref = view.parameters[name];
    if (view.secrets.includes(name)) values[name] = "****";
    else if (ref === undefined) continue;
    else if (kind === "file") values[name] = ref.kind === "stored" ? `file ${ref.sha256.slice(0, 12)}` : "-";
    else values[name] = valueJson(await readArtifact(ref, storeOf(view.run)));
  }
  return values;
}

function show(context: Context, runs: readonly ComparedRun[], rows: readonly ComparedRow[]): void {
  const format = context.options.text("format");
  if (format === "json" || (format === undefined && wantsJson(context))) {
    printDocument(context, { runs: runs.map((run) => run.view.run), rows }, rows);
  } else {
    printLines(context, format === "md" ? comparisonMarkdown(runs, rows) : comparisonTable(runs, rows));
  }
}
