// Following a run whose process died meanwhile: an error that says so and how to go on.

import { ControlError, type Control } from "../proto/control.ts";
import type { RunId } from "../proto/ids.ts";
import { CliError } from "./cli-error.ts";
import { isInterrupted } from "./render/runs-table.ts";

/** @throws CliError abandoned in place of the error by which following such a run ends */
export async function unlessAbandoned<T>(followed: Promise<T>, { control, run }: { control: Control; run: RunId }): Promise<T> {
  try {
    return await followed;
  } catch (error) {
    if (!(error instanceof ControlError) || error.code !== "unavailable" || !isInterrupted(await control.run(run))) throw error;
    throw new CliError("abandoned", `the process that ran ${run} is gone`, {
      hint: `go on with it: stepwell resume --in-place ${run}`,
      cause: error,
    });
  }
}
