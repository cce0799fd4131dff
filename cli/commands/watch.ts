// `stepwell watch`: comes back to a run, and shows it like `run` does until it ends.

import type { ExitCode } from "../cli-error.ts";
import type { Context } from "../context.ts";
import { followRun } from "../follow-run.ts";
import { reading } from "../reading.ts";
import { resolveRun, viewRun } from "../run-name.ts";

export function watch(context: Context): Promise<ExitCode> {
  return reading(context, async (reader) => {
    const run = await resolveRun(context.operands[0] ?? "", { control: reader.control, namespace: context.settings.namespace });
    await viewRun(run, reader.control); // For an error that tells which runs there are.
    return followRun(context, reader, { run, logs: context.settings.logs });
  });
}
