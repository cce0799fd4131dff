// `stepwell cancel`: asks whoever drives the runs to stop them in an orderly way.

import { exitCodes, type ExitCode } from "../cli-error.ts";
import { printDocument, printLines, printNote, wantsJson, type Context } from "../context.ts";
import { asCliError } from "../known-errors.ts";
import { reading } from "../reading.ts";
import { resolveRun, viewRun } from "../run-name.ts";

/** Of several runs some may fail: then the others are cancelled all the same, and the exit code says `partial`. */
export function cancel(context: Context): Promise<ExitCode> {
  return reading(context, async ({ control }) => {
    const results: { readonly run: string; readonly cancelled: boolean; readonly error: string | null }[] = [];
    for (const text of context.operands) {
      try {
        const run = await resolveRun(text, { control, namespace: context.settings.namespace });
        await viewRun(run, control); // For an error that tells which runs there are.
        await control.cancel(run, { by: context.settings.user });
        results.push({ run, cancelled: true, error: null });
      } catch (error) {
        if (context.operands.length === 1) throw error;
        results.push({ run: text, cancelled: false, error: asCliError(error).message });
      }
    }
    if (wantsJson(context)) printDocument(context, { runs: results }, results);
    else
      printLines(
        context,
        results.map((result) => (result.cancelled ? cancelledLine(context, result.run) : `${result.run}  not cancelled: ${result.error}`)),
      );
    const done = results.filter((result) => result.cancelled).length;
    if (done > 0 && !wantsJson(context))
      printNote(context, `go on later: stepwell resume ${results.find((result) => result.cancelled)?.run}`);
    return done === results.length ? exitCodes.ok : exitCodes.partial;
  });
}

function cancelledLine(context: Context, run: string): string {
  return context.quiet ? run : `${run}  cancelling`;
}
