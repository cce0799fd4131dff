// What `stepwell doctor aws` finds out about the account and the stack, and the form of all that it finds.

import type { Finding } from "../commands/doctor.ts";
import { asCliError } from "../known-errors.ts";
import { accountOf } from "./account.ts";
import { isWorking, Stacks, type StackView } from "./stack.ts";

/** What is expected to go well. What is thrown is what was found. */
export async function examine(
  check: string,
  { hint, look }: { readonly hint: string | null; readonly look: () => Promise<string> },
): Promise<Finding> {
  try {
    return { check, status: "ok", found: await look(), hint: null };
  } catch (error) {
    const known = asCliError(error);
    return { check, status: "failed", found: known.message, hint: known.kind === "internal" ? hint : (known.hint ?? hint) };
  }
}

export function aboutAccount(region: string | undefined): Promise<Finding> {
  return examine("account", {
    hint: null,
    look: async () => {
      const account = await accountOf(region);
      return `${account.id} in ${account.region}, as ${account.arn}`;
    },
  });
}

export async function aboutStack(
  name: string,
  region: string | undefined,
): Promise<{ readonly finding: Finding; readonly stack: StackView | null }> {
  const stacks = await Stacks.open(region);
  let stack: StackView | null = null;
  const finding = await examine("stack", {
    hint: "stepwell aws deploy makes it; --stack and --region say which",
    look: async () => {
      stack = await stacks.find(name);
      if (stack === null) throw new Error(`there is no stack ${name}`);
      const isWell = /^(CREATE|UPDATE|UPDATE_ROLLBACK)_COMPLETE$/.test(stack.status) || isWorking(stack.status);
      if (!isWell) throw new Error(`${name}: ${stack.status}${stack.reason === null ? "" : `, ${stack.reason}`}`);
      return `${name}: ${stack.status}`;
    },
  });
  stacks.close();
  return { finding, stack };
}
