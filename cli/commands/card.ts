// `stepwell card`: what a task shows of itself, as text or as a page of its own.

import { writeFile } from "node:fs/promises";
import picocolors from "picocolors";
import { cardArtifact } from "../../proto/artifact.ts";
import type { Control } from "../../proto/control.ts";
import type { RunId } from "../../proto/ids.ts";
import type { TaskView } from "../../proto/view.ts";
import type { CardComponent } from "../../sdk/card/component.ts";
import type { ArtifactStore, BlockingReader } from "../../sdk/artifact/store.ts";
import { CardError } from "../../sdk/card/parse-component.ts";
import { readCard } from "../../sdk/card/read-card.ts";
import { CliError, exitCodes, type ExitCode } from "../cli-error.ts";
import { printDocument, printNote, wantsJson, type Context } from "../context.ts";
import { defaultCard } from "../default-card.ts";
import type { Reader } from "../reader.ts";
import { outputPath } from "../output-file.ts";
import { reading } from "../reading.ts";
import { cardLines } from "../render/card-lines.ts";
import { resolvePath, viewRun, type Named } from "../run-name.ts";
import { excerptOf } from "../source-excerpt.ts";
import { readStored } from "../stored.ts";
import { valueJson } from "../value-text.ts";
import { shownTask } from "./artifacts.ts";

type Shown = { readonly task: string; readonly own: boolean; readonly components: readonly CardComponent[] };

/** Tasks that are looked through for cards where a run or a step is named. */
const tasksScannedMax = 10_000;
const tasksNamedMax = 5;

export function card(context: Context): Promise<ExitCode> {
  return reading(context, async (local) => {
    const text = context.operands[0] ?? "";
    const named = await resolvePath(text, { control: local.control, namespace: context.settings.namespace });
    if (named.within.artifact !== undefined) throw new CliError("badValue", `"${text}" names an artifact`, { hint: "name its task" });
    await print(context, await cardOf(await chosenTask(named, local), local, context.nowMs()));
    return exitCodes.ok;
  });
}

/** The task that is named; else the only one with a card; else the one that failed first, or the last. */
async function chosenTask(named: Named, { control }: Reader): Promise<TaskView> {
  const view = await viewRun(named.run, control);
  if (named.within.task !== undefined) return shownTask(view, named, control);
  const [only, another, ...more] = await tasksWithCards(named, control);
  if (only !== undefined && another !== undefined) throw severalCards(named.run, [only, another, ...more]);
  if (only !== undefined) return only;
  const failed = named.within.step === undefined ? view.firstFailure : null;
  return failed === null ? shownTask(view, named, control) : control.task(named.run, failed.task);
}

async function tasksWithCards({ run, within: { step } }: Named, control: Control): Promise<readonly TaskView[]> {
  const page = await control.tasks(run, { ...(step !== undefined && { step }), limit: tasksScannedMax });
  const found = page.items.filter(hasCard);
  if (page.next === null || found.length > 1) return found;
  throw new CliError("badValue", `${run} has too many tasks to look for cards in all of them`, {
    hint: `name one: stepwell card ${run}/STEP/INDEX`,
  });
}

function severalCards(run: RunId, tasks: readonly TaskView[]): CliError {
  const names = tasks.slice(0, tasksNamedMax).map(({ task }) => `${run}/${task}`);
  return new CliError("badValue", `${run} has ${tasks.length} cards`, {
    hint: `name one: stepwell card ${names.join(", ")}${tasks.length > names.length ? ", ..." : ""}`,
  });
}

function hasCard({ artifacts, produced }: TaskView): boolean {
  return produced.includes(cardArtifact) && artifacts[cardArtifact] !== undefined;
}

async function cardOf(view: TaskView, { control, storeOf }: Reader, nowMs: number): Promise<Shown> {
  const store = storeOf(view.run);
  const task = `${view.run}/${view.task}`;
  const own = await ownCard(view, task, store);
  if (own !== null) return { task, own: true, components: own };
  const run = await control.run(view.run);
  const excerpt = await excerptOf(view.attempts.at(-1)?.failure ?? null, run.codePackage, store);
  return { task, own: false, components: await defaultCard({ run, task: view, store, excerpt, nowMs }) };
}

async function ownCard(view: TaskView, task: string, store: ArtifactStore & BlockingReader): Promise<readonly CardComponent[] | null> {
  try {
    return await readStored(`the card of ${task}`, `make it again: stepwell resume ${view.run} ${view.step}`, read(view, store));
  } catch (error) {
    if (error instanceof CardError)
      throw new CliError("store", `the card of ${task} cannot be read`, { lines: [error.message], cause: error });
    throw error;
  }
}

async function read(view: TaskView, store: ArtifactStore & BlockingReader): Promise<readonly CardComponent[] | null> {
  return readCard(view, store);
}

async function print(context: Context, { task, own, components }: Shown): Promise<void> {
  const { out } = context.terminal;
  if (wantsJson(context)) return printDocument(context, JSON.parse(valueJson({ task, own, components })));
  const html = context.options.flag("html");
  const text = html ? (await import("../../sdk/card/page.ts")).cardPage(task, components) : "";
  const file = context.options.text("out");
  if (file === undefined) return out.writeWhole(html ? text : `${cardLines(components, out.paint).join("\n")}\n`);
  const path = outputPath("--out", file, context.cwd);
  await writeFile(path, html ? text : `${cardLines(components, picocolors.createColors(false)).join("\n")}\n`);
  printNote(context, `written to ${path}`);
}
