// `stepwell aws status`: how the stack is, and what failed last.

import { CliError, exitCodes, type ExitCode } from "../cli-error.ts";
import { printDocument, printLines, wantsJson, type Context } from "../context.ts";
import { eventLine, stackLines } from "../render/stack-lines.ts";
import { defaultStack, withStacks } from "./aws-deploy.ts";

/** Of the newest events. */
const failuresMax = 5;

export function awsStatus(context: Context): Promise<ExitCode> {
  const name = context.options.text("stack") ?? defaultStack;
  return withStacks(context, async (stacks) => {
    const stack = await stacks.find(name);
    if (stack === null) throw new CliError("notFound", `there is no stack ${name}`, { hint: "stepwell aws deploy makes one" });
    const failures = (await stacks.events(stack.id)).filter(({ status }) => status.endsWith("_FAILED")).slice(0, failuresMax);
    const { paint } = context.terminal.out;
    const look = { paint, zone: context.settings.tz };
    if (wantsJson(context)) printDocument(context, { ...stack, failures });
    else if (context.quiet) printLines(context, [stack.status]);
    else printLines(context, [...stackLines(stack), ...failures.map((event) => eventLine(event, look) ?? "")]);
    return exitCodes.ok;
  });
}
