import assert from "node:assert/strict";
import { test } from "node:test";
import { cliReference } from "../../scripts/cli-reference.ts";
import { readMarkdown } from "./markdown.ts";

test("docs/cli.md is what the table of commands says; `node scripts/write-cli-reference.ts` writes it", () => {
  assert.equal(readMarkdown("docs/cli.md"), cliReference());
});
