// `stepwell batch list` and `batch kill`: the workers that the coordinator has launched, job by job.

import type { LaunchId, LaunchView } from "../../proto/launch.ts";
import { CliError, exitCodes, type ExitCode } from "../cli-error.ts";
import { printDocument, printLines, printNote, wantsJson, type Context } from "../context.ts";
import { endpointOf } from "../endpoint.ts";
import { countOfThings } from "../format/count.ts";
import { didYouMean } from "../format/suggestion.ts";
import { reading } from "../reading.ts";
import { launchesTable } from "../render/launches-table.ts";

export function listBatch(context: Context): Promise<ExitCode> {
  needCoordinator(context);
  return reading(context, async ({ control }) => {
    const all = await control.launches();
    const shown = context.options.flag("all") ? all : all.filter(isThere);
    if (wantsJson(context)) printDocument(context, { launches: shown }, shown);
    else if (context.quiet)
      printLines(
        context,
        shown.map(({ launch }) => launch),
      );
    else {
      const { terminal, settings, nowMs } = context;
      const look = { paint: terminal.out.paint, wide: settings.output === "wide", nowMs: nowMs() };
      if (shown.length > 0) printLines(context, launchesTable(shown, look));
      printNote(context, totals(shown.filter(isThere)));
    }
    return exitCodes.ok;
  });
}

/** Of several, some may be over by now: then the others are ended all the same. */
export function killBatch(context: Context): Promise<ExitCode> {
  needCoordinator(context);
  return reading(context, async ({ control }) => {
    const ended = chosen(context, (await control.launches()).filter(isThere));
    for (const launch of ended) await control.endLaunch(launch, context.settings.user);
    if (wantsJson(context)) printDocument(context, { ended }, ended);
    else {
      printLines(
        context,
        ended.map((launch) => (context.quiet ? launch : `${launch}  ending`)),
      );
      const what =
        ended.length === 0 ? "nothing to end" : "what its workers run goes on elsewhere; as long as tasks wait, others are launched";
      printNote(context, what);
    }
    return exitCodes.ok;
  });
}

function isThere({ stage }: LaunchView): boolean {
  return stage !== "over";
}

function totals(launches: readonly LaunchView[]): string {
  const workers = launches.reduce((sum, launch) => sum + launch.workers.length, 0);
  const wanted = launches.reduce((sum, { count }) => sum + count, 0);
  const usd = launches.reduce((sum, { count, usdPerHour }) => sum + count * usdPerHour, 0);
  const cost = usd === 0 ? "" : `, about ${usd.toFixed(2)} USD an hour once all are there`;
  const count = launches.length === 1 ? "1 launch" : `${launches.length} launches`;
  return `${count}, ${workers} of ${countOfThings(wanted, "worker")} there${cost}`;
}

/** @throws CliError missing, notFound */
function chosen({ operands, options }: Context, there: readonly LaunchView[]): readonly LaunchId[] {
  const all = there.map(({ launch }) => launch);
  if (options.flag("all")) return all;
  if (operands.length === 0)
    throw new CliError("missing", "which launches are to end?", { hint: "stepwell batch kill LAUNCH ..., or --all" });
  return operands.map((text) => {
    const found = there.find(({ launch, job }) => launch === text || job === text);
    if (found !== undefined) return found.launch;
    const hint = didYouMean(text, all) ?? (all.length === 0 ? "no launch is under way" : `launches: ${all.join(", ")}`);
    throw new CliError("notFound", `there is no launch or job ${text} under way`, { hint });
  });
}

/** @throws CliError missing */
function needCoordinator({ settings, env }: Context): void {
  if (endpointOf(settings, env) !== null) return;
  throw new CliError("missing", "this needs a coordinator: without one, no workers are launched", {
    hint: "name it with --coordinator HOST:7420 or STEPWELL_COORDINATOR",
  });
}
