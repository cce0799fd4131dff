// `stepwell aws deploy` and `upgrade`: shows what a stack would become, asks, has it made, and uses it from here.

import { accountOf } from "../aws/account.ts";
import { configureFrom, type Configured } from "../aws/configuration.ts";
import { agree } from "../aws/prompt.ts";
import { Stacks, isWorking, type Change, type ChangeSet, type StackEvent, type StackView } from "../aws/stack.ts";
import { packagedTemplate, parameterNames, parseGiven } from "../aws/template.ts";
import { CliError, exitCodes, type ExitCode } from "../cli-error.ts";
import { printDocument, printLines, printNote, wantsJson, type Context } from "../context.ts";
import { packageVersion } from "../package-version.ts";
import { changeLines, eventLine } from "../render/stack-lines.ts";

export const defaultStack = "stepwell";

export function deploy(context: Context): Promise<ExitCode> {
  return withStacks(context, (stacks) => change(context, stacks, true));
}

export function upgrade(context: Context): Promise<ExitCode> {
  return withStacks(context, (stacks) => change(context, stacks, false));
}

export async function withStacks(context: Context, work: (stacks: Stacks) => Promise<ExitCode>): Promise<ExitCode> {
  const stacks = await Stacks.open(context.options.text("region"));
  try {
    return await work(stacks);
  } finally {
    stacks.close();
  }
}

async function change(context: Context, stacks: Stacks, mayBeNew: boolean): Promise<ExitCode> {
  const { options } = context;
  const name = options.text("stack") ?? defaultStack;
  const template = packagedTemplate();
  const names = parameterNames(template);
  const given = new Map([["Package", `stepwell@${packageVersion()}`], ...parseGiven(options.texts("set"), names)]);
  await tellAccount(context);
  const before = await stacks.find(name);
  refuseUnready(name, before, mayBeNew);
  const set = await stacks.propose(name, before, { template, given, names });
  if (set === null) {
    printNote(context, `${name} is as it should be: nothing to change`);
  } else {
    if (!(await agreeTo(context, set, stacks))) return exitCodes.interrupted;
    await finish(context, { name, events: stacks.apply(set) });
  }
  const stack = await stacks.find(name);
  if (stack === null) throw new CliError("notFound", `the stack ${name} is gone`);
  const configured = await configureFrom(context, stack);
  tellEnd(context, { stack, configured, changes: set?.changes ?? [] });
  return exitCodes.ok;
}

export async function tellAccount(context: Context): Promise<void> {
  const { id, arn, region } = await accountOf(context.options.text("region"));
  printNote(context, `account ${id} in ${region}, as ${arn}`);
}

function refuseUnready(name: string, stack: StackView | null, mayBeNew: boolean): void {
  if (stack === null) {
    if (mayBeNew) return;
    throw new CliError("notFound", `there is no stack ${name}`, { hint: "stepwell aws deploy makes one; --stack and --region say which" });
  }
  if (isWorking(stack.status)) {
    const hint = "stepwell aws status shows how far it is; try again when it is done";
    throw new CliError("conflict", `${name} is being changed: ${stack.status}`, { hint });
  }
  if (["ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED", "CREATE_FAILED"].includes(stack.status)) {
    const hint = "take it away first: stepwell aws destroy";
    throw new CliError("conflict", `${name} cannot be changed: ${stack.status}`, { hint });
  }
}

async function agreeTo(context: Context, set: ChangeSet, stacks: Stacks): Promise<boolean> {
  const { err } = context.terminal;
  if (!context.quiet) err.write(`${changeLines(set.changes, err.paint).join("\n")}\n`);
  try {
    if (await agree(context, "Make these changes?")) return true;
  } catch (error) {
    await stacks.discard(set);
    throw error;
  }
  await stacks.discard(set);
  printNote(context, "nothing was changed");
  return false;
}

/** Shows what happens, to its end. @throws CliError where that is not what was asked for */
export async function finish(
  context: Context,
  { name, events }: { readonly name: string; readonly events: AsyncIterable<StackEvent> },
): Promise<void> {
  const { err } = context.terminal;
  const failures: StackEvent[] = [];
  let last: StackEvent | null = null;
  for await (const event of events) {
    const line = eventLine(event, { paint: err.paint, zone: context.settings.tz });
    if (line !== null) printNote(context, line);
    if (event.status.endsWith("_FAILED") && !event.isOfStack) failures.push(event);
    last = event;
  }
  if (last === null || /^(CREATE|UPDATE|DELETE)_COMPLETE$/.test(last.status)) return;
  const lines = failures.map(({ resource, reason }) => `${resource}: ${reason ?? "no reason is given"}`);
  const hint = last.status.includes("DELETE")
    ? "see to it, and type this again"
    : "what was there before is back, or nothing: see to it, and try again";
  throw new CliError("unavailable", `${name} ended as ${last.status}`, { lines, hint });
}

type End = { readonly stack: StackView; readonly configured: Configured; readonly changes: readonly Change[] };

function tellEnd(context: Context, { stack, configured, changes }: End): void {
  if (wantsJson(context)) {
    const { name, status, outputs } = stack;
    printDocument(context, { stack: name, status, changes, outputs, profile: configured.profile, file: configured.file });
    return;
  }
  printLines(context, context.quiet ? [configured.profile] : configuredLines(configured));
}

export function configuredLines({ file, profile, isUsual }: Configured): readonly string[] {
  return [`profile ${profile} is in ${file}`, "next:", `  stepwell run FILE${isUsual ? "" : ` --profile ${profile}`}`];
}
