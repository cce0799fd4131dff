import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { errorReference } from "../../scripts/error-reference.ts";
import { root } from "../command.ts";
import { readMarkdown } from "./markdown.ts";

test("docs/errors.md is what the tables of codes say; `node scripts/write-error-reference.ts` writes it", () => {
  assert.equal(readMarkdown("docs/errors.md"), errorReference());
});

test("docs/errors.md knows every code of the entry that old versions of Node read", () => {
  const codes = readFileSync(join(root, "cli/bin.cts"), "utf8").match(/SW\d{4}/g) ?? [];
  assert.ok(codes.length > 0);
  for (const code of codes) assert.ok(errorReference().includes(`| ${code} |`), code);
});
