// All checks of our own, which find what AWS' validator does not.

import { checkAccess } from "./check-access.ts";
import { checkBatch } from "./check-batch.ts";
import { checkData } from "./check-data.ts";
import { checkMachine } from "./check-machine.ts";
import { checkNetwork } from "./check-network.ts";
import { checkReferences } from "./check-references.ts";
import { checkText } from "./check-text.ts";
import { parseTemplate, stackOf, type Parameters } from "./template.ts";

/** What is wrong with the stacks that the template makes of these parameters. */
export async function ownProblems(text: string, combinations: readonly Parameters[]): Promise<readonly string[]> {
  const template = parseTemplate(text);
  const found = new Set(checkText(text, template));
  for (const parameters of combinations) {
    const stack = stackOf(template, parameters);
    const problems = [
      ...checkReferences(stack),
      ...checkBatch(stack),
      ...checkNetwork(stack),
      ...checkData(stack),
      ...checkMachine(stack),
      ...(await checkAccess(stack)),
    ];
    for (const problem of problems) found.add(problem);
  }
  return [...found];
}
