// `stepwell show`: a flow's steps, parameters and graph, as text or for other tools.

import { showFlow, showFormats } from "../../sdk/graph/show.ts";
import { exitCodes, type ExitCode } from "../cli-error.ts";
import { printNote, wantsJson, type Context } from "../context.ts";
import { findFlowFile, readFlow } from "../flow-file.ts";
import { batchNotes } from "../render/batch-notes.ts";

export async function show(context: Context): Promise<ExitCode> {
  const [text = ""] = context.operands;
  const { graph } = await readFlow(context, findFlowFile(text, context.cwd));
  const asked = context.options.text("format");
  const format = showFormats.find((known) => known === asked) ?? (wantsJson(context) ? "json" : "text");
  context.terminal.out.write(showFlow(graph, { format, file: text }));
  if (format === "text") for (const note of batchNotes(graph)) printNote(context, note);
  return exitCodes.ok;
}
