import assert from "node:assert/strict";
import { test } from "node:test";
import { failureRules, type FailureRule } from "../../proto/failure.ts";
import { readMarkdown } from "./markdown.ts";

const words: Readonly<Record<FailureRule["retry"], string>> = {
  user: "yes",
  infrastructure: "own budget",
  nobody: "at nobody's expense",
  never: "no",
};

test("docs/reliability.md has the table of failures that the code decides by", () => {
  const rows = [...readMarkdown("docs/reliability.md").matchAll(/^\| `(\w+)` \| [^|]+ \| ([^|]+) \| ([^|]+) \|$/gm)];
  assert.deepEqual(
    rows.map(([, kind, retry, caught]) => [kind, retry, caught]),
    Object.entries(failureRules).map(([kind, rule]) => [kind, words[rule.retry], rule.catchable ? "yes" : "no"]),
  );
});
