// A run that goes on without the command that started it, and how one comes back to it.

import type { RunId } from "../proto/ids.ts";
import { CliError, exitCodes, type ExitCode } from "./cli-error.ts";
import { printDocument, printLines, printNote, wantsJson, type Context } from "./context.ts";
import { endpointOf } from "./endpoint.ts";

/** @throws CliError missing where nobody else would go on with the run */
export function wantsDetach({ options, settings, env }: Context): boolean {
  if (!options.flag("detach")) return false;
  if (endpointOf(settings, env) !== null) return true;
  throw new CliError("missing", "--detach needs a coordinator that goes on with the run", {
    hint: "name one with --coordinator HOST:7420 or STEPWELL_COORDINATOR; `stepwell up` starts one on this machine",
  });
}

export function showDetached(context: Context, run: RunId): ExitCode {
  if (wantsJson(context)) printDocument(context, { run, detached: true });
  else printLines(context, [run]);
  if (!wantsJson(context)) printNote(context, comeBackText(run));
  return exitCodes.ok;
}

export function comeBackText(run: RunId): string {
  return `it goes on in the cluster; come back: stepwell watch ${run}   end it: stepwell cancel ${run}`;
}
