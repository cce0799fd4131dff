// `stepwell runs`: lists runs, newest first, of the person's own namespace unless told otherwise.

import type { RunsQuery } from "../../proto/control.ts";
import type { RunStatus } from "../../proto/event.ts";
import { parseFlowName } from "../../proto/ids.ts";
import type { Page } from "../../proto/control.ts";
import type { ListedRun } from "../../proto/view.ts";
import { CliError, exitCodes, type ExitCode } from "../cli-error.ts";
import { printDocument, printLines, printNote, wantsJson, type Context } from "../context.ts";
import { countOfThings, formatCount } from "../format/count.ts";
import { didYouMean } from "../format/suggestion.ts";
import { parseMoment } from "../moment.ts";
import { reading } from "../reading.ts";
import { listedDocument } from "../render/run-document.ts";
import { goOnLine, isInterrupted, runsTable } from "../render/runs-table.ts";
import { flowNames } from "../run-name.ts";

const limitDefault = 20;

export async function runs(context: Context): Promise<ExitCode> {
  const query = queryOf(context);
  const page = await reading(context, async ({ control }) => {
    const found = await control.runs(query);
    if (found.items.length === 0 && query.flow !== undefined) await checkFlow(query.flow, await flowNames(control));
    return found;
  });
  show(context, page);
  return exitCodes.ok;
}

function queryOf(context: Context): RunsQuery {
  const { options, settings } = context;
  const [flow] = context.operands;
  const sinceMs = parseMoment(options.text("since"), "--since", context.nowMs());
  const untilMs = parseMoment(options.text("until"), "--until", context.nowMs());
  const user = options.text("user");
  const cursor = options.text("cursor");
  return {
    ...(flow !== undefined && { flow: parseFlowName(flow) }),
    ...(options.texts("status").length > 0 && { status: options.texts("status").filter(isStatus) }),
    ...(options.texts("tag").length > 0 && { tags: options.texts("tag") }),
    namespace: settings.namespace === "" || user !== undefined ? null : settings.namespace,
    ...(user !== undefined && { user }),
    ...(sinceMs !== null && { sinceMs }),
    ...(untilMs !== null && { untilMs }),
    limit: options.integer("limit") ?? limitDefault,
    ...(cursor !== undefined && { cursor }),
  };
}

function isStatus(text: string): text is RunStatus {
  return ["pending", "running", "succeeded", "failed", "cancelled"].includes(text);
}

async function checkFlow(flow: string, known: readonly string[]): Promise<void> {
  if (known.includes(flow)) return;
  throw new CliError("notFound", `there is no run of ${flow}`, {
    hint: didYouMean(flow, known) ?? (known.length === 0 ? null : `flows: ${known.join(", ")}`),
  });
}

function show(context: Context, page: Page<ListedRun>): void {
  const { out } = context.terminal;
  if (wantsJson(context))
    return printDocument(
      context,
      { runs: page.items.map(listedDocument), total: page.total, next: page.next },
      page.items.map(listedDocument),
    );
  if (context.quiet)
    return printLines(
      context,
      page.items.map((run) => run.run),
    );
  const look = { paint: out.paint, nowMs: context.nowMs(), zone: context.settings.tz, wide: context.settings.output === "wide" };
  if (page.items.length > 0) printLines(context, runsTable(page.items, look));
  printNote(context, footer(context, page));
  const interrupted = page.items.find(isInterrupted);
  if (interrupted !== undefined) printNote(context, goOnLine(interrupted));
}

function footer(context: Context, page: Page<ListedRun>): string {
  const cutFrom = page.next === null ? null : page.total;
  const count = `${cutFrom === null ? "" : `${formatCount(page.items.length)} of `}${countOfThings(cutFrom ?? page.items.length, "run")}`;
  const scope =
    context.settings.namespace === "" || context.options.text("user") !== undefined
      ? ""
      : ` in namespace ${context.settings.namespace} (all: --namespace=)`;
  return page.next === null ? count + scope : `${count}${scope} · older: add --cursor ${page.next}`;
}
