// `stepwell check`: everything that can be known about a flow without running it.

import { isError } from "../../sdk/graph/problem.ts";
import { exitCodes, type ExitCode } from "../cli-error.ts";
import { printDocument, printLines, printNote, wantsJson, type Context } from "../context.ts";
import { checkFlowFile, findFlowFile, showProblems } from "../flow-file.ts";
import { countOfThings } from "../format/count.ts";
import { formatDuration } from "../format/duration.ts";
import { batchNotes } from "../render/batch-notes.ts";
import { checkedLine } from "../render/checked-line.ts";

export async function check(context: Context): Promise<ExitCode> {
  const [text = ""] = context.operands;
  const startMs = context.nowMs();
  const { graph, problems } = await checkFlowFile(context, findFlowFile(text, context.cwd));
  const errors = problems.filter(isError).length;
  const warnings = problems.length - errors;
  const refused = graph === null || (warnings > 0 && context.options.flag("strict"));
  if (wantsJson(context)) {
    printDocument(context, { flow: graph?.flow ?? null, file: text, ok: !refused, errors, warnings, problems }, problems);
    return refused ? exitCodes.usage : exitCodes.ok;
  }
  showProblems(context, problems);
  if (graph !== null) for (const note of batchNotes(graph)) printNote(context, note);
  const { paint } = context.terminal.out;
  const counts = [
    ...(errors > 0 ? [countOfThings(errors, "error")] : []),
    ...(warnings > 0 ? [countOfThings(warnings, "warning")] : []),
  ].join(", ");
  const head = graph === null ? `${paint.red("✗")} checked ${text}` : checkedLine(graph, text, paint);
  printLines(context, [[head, counts, formatDuration(context.nowMs() - startMs)].filter((part) => part !== "").join("  ")]);
  return refused ? exitCodes.usage : exitCodes.ok;
}
