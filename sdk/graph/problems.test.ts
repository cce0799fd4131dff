// Each rule has an example in problems.golden.txt: after `=== CODE` the body of a flow, or whole files after `@@ PATH`
// and what a person typed after `$`; after `---` what the check says.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { checkFiles, flowText } from "../../test/check-text.ts";
import { formatProblem } from "./format-problem.ts";
import { isError } from "./problem.ts";
import { problemCodes } from "./problem-codes.ts";
import type { ProblemCode } from "./problem-codes.ts";

type Example = { readonly code: string; readonly input: string; readonly output: string };

function readExamples(): readonly Example[] {
  const text = readFileSync(new URL("problems.golden.txt", import.meta.url), "utf8");
  return text
    .split(/^=== /m)
    .slice(1)
    .map((section) => {
      const [code = "", ...lines] = section.trimEnd().split("\n");
      const cut = lines.indexOf("---");
      return { code, input: lines.slice(0, cut).join("\n"), output: lines.slice(cut + 1).join("\n") };
    });
}

function filesIn(input: string): { readonly files: Record<string, string>; readonly target: string } {
  const target = /^\$ (.*)\n/.exec(input)?.[1] ?? "flow.ts";
  const parts = input.split(/^@@ /m).slice(1);
  if (parts.length === 0) return { files: { "flow.ts": flowText(input) }, target };
  return { files: Object.fromEntries(parts.map((part) => [part.split("\n")[0], part.slice(part.indexOf("\n") + 1)])), target };
}

const examples = readExamples();

for (const [i, { code, input, output }] of examples.entries()) {
  const rule = problemCodes[code as ProblemCode];
  const number = examples.slice(0, i).filter((example) => example.code === code).length + 1;
  test(`${code}: ${rule.rule} (${number})`, async () => {
    const { files, target } = filesIn(input);
    const { problems, graph } = await checkFiles(files, target);
    assert.equal(problems.map((problem) => formatProblem(problem, { color: false })).join("\n"), output);
    assert.ok(problems.some((problem) => problem.code === code));
    assert.equal(graph === null, problems.some(isError), "a flow with an error has no graph");
  });
}

test("every rule has an example", () => {
  const shown = new Set(examples.map((example) => example.code));
  assert.deepEqual(
    Object.keys(problemCodes).filter((code) => !shown.has(code)),
    ["SW1030"],
  );
});
