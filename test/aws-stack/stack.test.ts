// The stack of deploy/aws/ as far as it can be judged without an AWS account: for every combination of its parameters.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { root } from "../command.ts";
import { ownProblems } from "./checks.ts";
import { allCombinations, pairs } from "./combinations.ts";
import { defaultsOf, parseTemplate } from "./template.ts";
import { Validator } from "./validator.ts";

const text = readFileSync(join(root, "deploy/aws/stepwell.yaml"), "utf8");

test("our checks find nothing with any combination of parameters", { timeout: 60_000 }, async () => {
  assert.deepEqual(await ownProblems(text, allCombinations), []);
});

test("AWS' validator finds nothing with any pair of parameters", { timeout: 120_000 }, () => {
  using validator = new Validator();
  for (const parameters of pairs) assert.deepEqual(validator.problems(text, parameters), [], JSON.stringify(parameters));
});

test("by default it installs this version", () => {
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { readonly version: string };
  assert.equal(defaultsOf(parseTemplate(text))["Package"], `stepwell@${version}`);
});
