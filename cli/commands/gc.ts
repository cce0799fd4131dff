// `stepwell gc`: gives up the artifacts of runs that no rule keeps, and deletes the blobs that no run needs.

import type { Amount, CollectReport, Retention } from "../../proto/collect.ts";
import { CliError, exitCodes, type ExitCode } from "../cli-error.ts";
import { printDocument, printLines, wantsJson, type Context } from "../context.ts";
import { countOfThings, formatBytes } from "../format/count.ts";
import { reading } from "../reading.ts";

export function gc(context: Context): Promise<ExitCode> {
  const { options, settings } = context;
  const retention = retentionOf(context);
  return reading(context, async ({ control }) => {
    const report = await control.collect({
      retention,
      keepLogs: options.flag("keep-logs"),
      dryRun: options.flag("dry-run"),
      by: settings.user,
    });
    if (wantsJson(context))
      printDocument(
        context,
        { ...report },
        report.runs.map((run) => ({ run })),
      );
    else printLines(context, context.quiet ? report.runs : linesOf(report));
    return report.busy.length === 0 ? exitCodes.ok : exitCodes.partial;
  });
}

/** @throws CliError badValue */
function retentionOf({ options, settings }: Context): Retention {
  const days = options.text("keep-days");
  const keepDays = days === undefined ? null : Number(days);
  if (keepDays !== null && !(keepDays >= 0)) throw new CliError("badValue", `--keep-days is a number of days, not "${days}"`);
  return {
    keepDays,
    keepLast: options.integer("keep-last", 0) ?? null,
    keepTags: options.texts("keep-tag"),
    namespace: settings.namespace === "" ? null : settings.namespace,
  };
}

const runsShown = 20;

function linesOf({ dryRun, runs, busy, keptRuns, deleted, needed, young, youngHours }: CollectReport): readonly string[] {
  const [gives, deletes] = dryRun ? ["would give up", "would delete"] : ["gave up", "deleted"];
  const more = runs.length > runsShown ? `, and ${runs.length - runsShown} more` : "";
  return [
    ...(runs.length === 0
      ? []
      : [`${gives} the artifacts of ${countOfThings(runs.length, "run")}: ${runs.slice(0, runsShown).join(", ")}${more}`]),
    ...busy.map((run) => `${run} is driven by another process: run this again later`),
    `${deletes} ${amount(deleted)}`,
    `kept ${amount(needed)} of ${countOfThings(keptRuns, "run")}`,
    ...(young.blobs === 0
      ? []
      : [`left ${amount(young)} that no run needs, stored less than ${youngHours} hours ago: a later gc deletes them`]),
  ];
}

function amount({ blobs, bytes }: Amount): string {
  return `${countOfThings(blobs, "blob")} (${formatBytes(bytes)})`;
}
