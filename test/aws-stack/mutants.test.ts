// Whether the checks bite: mistakes are made in the template on purpose, and nearly all of them must be found.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { root } from "../command.ts";
import { ownProblems } from "./checks.ts";
import { pairs } from "./combinations.ts";
import { mutants } from "./mutants.ts";
import { Validator } from "./validator.ts";

const text = readFileSync(join(root, "deploy/aws/stepwell.yaml"), "utf8");
/** Everything that a stack may have. */
const everything = { Gpu: "yes", WorkerSubnets: "private", StoreAccess: "role", AlarmEmail: "ops@example.org", MonthlyBudgetUsd: "1" };
/** In so many of twenty. */
const caughtOfTwenty = 19;

test("nearly every mistake in the template is found", { timeout: 170_000 }, async (t) => {
  using validator = new Validator();
  assert.deepEqual([...(await ownProblems(text, pairs)), ...validator.problems(text, everything)], [], "it is right to begin with");
  const missed: string[] = [];
  const rows: string[] = [];
  for (const { name, from, to } of mutants) {
    const changed = text.replace(from, to);
    assert.notEqual(changed, text, `${name}: the template has no such place any more`);
    const own = await problemsOf(changed);
    const [first] = own.length > 0 ? own : validator.problems(changed, everything);
    rows.push(`${first === undefined ? "missed" : own.length > 0 ? "ours" : "AWS'"}  ${name}: ${first ?? ""}`);
    if (first === undefined) missed.push(name);
  }
  t.diagnostic(`${mutants.length - missed.length} of ${mutants.length} mistakes found`);
  for (const row of rows) t.diagnostic(row);
  assert.ok(mutants.length >= 40);
  assert.ok((mutants.length - missed.length) * 20 >= mutants.length * caughtOfTwenty, `missed: ${missed.join("; ")}`);
});

/** What cannot be read at all is found, too. */
async function problemsOf(changed: string): Promise<readonly string[]> {
  try {
    return await ownProblems(changed, pairs);
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)];
  }
}
