// `stepwell tag add|rm|list`: the tags that people give to runs; those of the system can only be read.

import { exitCodes, type ExitCode } from "../cli-error.ts";
import { printDocument, printLines, wantsJson, type Context } from "../context.ts";
import { reading } from "../reading.ts";
import { resolveRun, viewRun } from "../run-name.ts";

export function tag(context: Context): Promise<ExitCode> {
  return reading(context, async ({ control }) => {
    const [name = "", ...tags] = context.operands;
    const run = await resolveRun(name, { control, namespace: context.settings.namespace });
    const { systemTags, tags: before } = await viewRun(run, control);
    const verb = context.command.name.slice("tag ".length);
    const change = { add: verb === "add" ? tags : [], remove: verb === "rm" ? tags : [] };
    const now = verb === "list" ? before : await control.tag(run, { by: context.settings.user }, change);
    if (wantsJson(context)) printDocument(context, { run, tags: now, systemTags });
    else
      printLines(context, [
        ...now,
        ...(verb === "list" && !context.quiet ? systemTags.map((text) => context.terminal.out.paint.dim(`${text}  (system)`)) : []),
      ]);
    return exitCodes.ok;
  });
}
