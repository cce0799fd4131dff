// From what a stack says of itself to a profile.

import { CliError } from "../cli-error.ts";
import type { Context } from "../context.ts";
import { tokenIn } from "./account.ts";
import { writeProfile, type Written } from "./profile.ts";
import type { StackView } from "./stack.ts";

export type Configured = Written;

/** @throws CliError where the stack is not ready */
export async function configureFrom(context: Context, { name, outputs, status }: StackView): Promise<Configured> {
  const { Coordinator, CoordinatorInside, Fingerprint, TokenSecret } = outputs;
  const coordinator = Coordinator ?? CoordinatorInside;
  if (coordinator === undefined || Fingerprint === undefined || TokenSecret === undefined) {
    throw new CliError("conflict", `the stack ${name} (${status}) says not where its coordinator is`, {
      hint: "stepwell aws status shows whether it is ready; another template has other outputs",
    });
  }
  const token = await tokenIn(TokenSecret, context.options.text("region"));
  if (token === "")
    throw new CliError("conflict", `the coordinator of ${name} has not written its token yet`, { hint: "try again in a minute" });
  return writeProfile(context.env, context.options.text("save-as") ?? name, { coordinator, fingerprint: Fingerprint, token });
}
