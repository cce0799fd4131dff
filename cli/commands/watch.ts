// `stepwell watch`: comes back to a run, and shows it like `run` does until it ends.

import type { ExitCode } from "../cli-error.ts";
import { printNote, type Context } from "../context.ts";
import { followRun } from "../follow-run.ts";
import { reading } from "../reading.ts";
import type { Connection } from "../reader.ts";
import { resolveRun, viewRun } from "../run-name.ts";

export function watch(context: Context): Promise<ExitCode> {
  return reading(context, async (reader) => {
    if (reader.connection !== undefined) waitFor(reader.connection, context);
    const run = await resolveRun(context.operands[0] ?? "", { control: reader.control, namespace: context.settings.namespace });
    await viewRun(run, reader.control); // For an error that tells which runs there are.
    return followRun(context, reader, { run, logs: context.settings.logs });
  });
}

/** A coordinator that is away when somebody comes to watch is waited for like one that goes while somebody watches. */
function waitFor(connection: Connection, context: Context): void {
  connection.patient = true;
  connection.onAway = (reason) => printNote(context, `${reason}; waiting for it`);
  connection.onBack = () => printNote(context, "the coordinator answers");
}
