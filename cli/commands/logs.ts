// `stepwell logs`: what tasks wrote, filtered before it is cut.

import type { Control, LogsQuery } from "../../proto/control.ts";
import type { LogLine } from "../../proto/view.ts";
import { unlessAbandoned } from "../abandoned.ts";
import { parseInteger } from "../arguments.ts";
import { CliError, exitCodes, type ExitCode } from "../cli-error.ts";
import { printNote, wantsJson, type Context } from "../context.ts";
import { countOfThings } from "../format/count.ts";
import { logDocument } from "../live/event-documents.ts";
import { harmless } from "../live/screen.ts";
import { parseMoment } from "../moment.ts";
import { reading } from "../reading.ts";
import { logLine, Tails } from "../render/log-lines.ts";
import { checkStep, resolvePath, viewRun, type Named } from "../run-name.ts";

type Filter = (line: LogLine) => boolean;

export function logs(context: Context): Promise<ExitCode> {
  return reading(context, async ({ control }) => {
    const named = await resolvePath(context.operands[0] ?? "", { control, namespace: context.settings.namespace });
    const query = queryOf(context, named);
    await checkNamed(named, query, control);
    const keep = filterOf(context);
    const printed = { lines: 0 };
    const printLine = printerOf(context, named.within.task === undefined);
    const print = (line: LogLine): void => {
      printed.lines += 1;
      printLine(line);
    };
    const tail = context.options.integer("tail", 0);
    if (tail !== undefined && query.follow !== true) await printTails(context, control.logs(query), { keep, print, tail });
    else await unlessAbandoned(printAll(control.logs(query), keep, print), { control, run: query.run });
    if (printed.lines === 0) printNote(context, "no lines");
    return exitCodes.ok;
  });
}

async function checkNamed({ run, within }: Named, { attempt, follow }: LogsQuery, control: Control): Promise<void> {
  const view = await viewRun(run, control);
  if (within.step !== undefined) checkStep(view, within.step);
  if (within.task === undefined) return;
  const { attempts } = await control.task(run, within.task);
  if (typeof attempt !== "number" || attempt < attempts.length || follow === true) return;
  throw new CliError("notFound", `${run}/${within.task} has no attempt ${attempt}`, {
    hint: attempts.length === 0 ? "it has not started yet" : `attempts: 0${attempts.length === 1 ? "" : ` to ${attempts.length - 1}`}`,
  });
}

function queryOf(context: Context, { run, within }: Named): LogsQuery {
  const { options } = context;
  const attempt = options.text("attempt");
  const stream = options.flag("stdout") === options.flag("stderr") ? undefined : options.flag("stdout") ? "stdout" : "stderr";
  return {
    run,
    ...(within.step !== undefined && { step: within.step }),
    ...(within.task !== undefined && { task: within.task }),
    ...(attempt !== undefined && { attempt: attempt === "all" || attempt === "latest" ? attempt : parseInteger(attempt, "--attempt", 0) }),
    ...(stream !== undefined && { stream }),
    ...(options.flag("follow") && { follow: true }),
  };
}

function filterOf(context: Context): Filter {
  const sinceMs = parseMoment(context.options.text("since"), "--since", context.nowMs()) ?? 0;
  const pattern = context.options.text("grep");
  const expression = pattern === undefined ? null : regularExpression(pattern);
  return (line) => line.atMs >= sinceMs && (expression === null || expression.test(line.text));
}

function regularExpression(pattern: string): RegExp {
  try {
    return new RegExp(pattern);
  } catch (error) {
    throw new CliError("badValue", `--grep: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function printerOf(context: Context, several: boolean): (line: LogLine) => void {
  const { out } = context.terminal;
  if (wantsJson(context)) return (line) => out.write(`${JSON.stringify(logDocument(line))}\n`);
  const choice = context.options.text("prefix") ?? "auto";
  const look = {
    paint: out.paint,
    prefix: choice === "always" || (choice === "auto" && several),
    timestamps: context.options.flag("timestamps"),
  };
  // What a task wrote may clear a screen, or worse; a file gets it as it was.
  return (line) => out.write(`${logLine(out.isTTY ? { ...line, text: harmless(line.text) } : line, look)}\n`);
}

async function printAll(lines: AsyncIterable<LogLine>, keep: Filter, print: (line: LogLine) => void): Promise<void> {
  for await (const line of lines) if (keep(line)) print(line);
}

async function printTails(
  context: Context,
  lines: AsyncIterable<LogLine>,
  { keep, print, tail }: { readonly keep: Filter; readonly print: (line: LogLine) => void; readonly tail: number },
): Promise<void> {
  const tails = new Tails(tail);
  for await (const line of lines) if (keep(line)) tails.add(line);
  for (const line of tails.lines()) print(line);
  if (tails.tasks > 1)
    printNote(
      context,
      `-- the last ${countOfThings(tail, "line")} of each of ${countOfThings(tails.tasks, "task")}; name a task to see one alone --`,
    );
}
