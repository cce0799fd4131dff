import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { root } from "../command.ts";
import { readMarkdown } from "./markdown.ts";

const page = readMarkdown("CONTRIBUTING.md");
const { scripts } = JSON.parse(readMarkdown("package.json")) as { readonly scripts: Readonly<Record<string, string>> };

test("every npm script that CONTRIBUTING.md names exists, and each program that a script starts", () => {
  const named = [...page.matchAll(/npm (?:run )?(test(?::\w+)?|build|check|docs|bench|[a-z:]+)`/g)].map(([, name = ""]) => name);
  assert.ok(named.length > 5);
  for (const name of named.filter((word) => word !== "ci")) assert.ok(name in scripts, name);
  for (const [script, line] of Object.entries(scripts)) {
    for (const [, program = ""] of line.matchAll(/\bnode ((?:[\w-]+\/)+[\w-]+\.ts)/g)) {
      assert.ok(existsSync(join(root, program)), `${script} starts ${program}`);
    }
  }
});

test("every file and folder that CONTRIBUTING.md names exists", () => {
  for (const [, place = ""] of page.matchAll(
    /(?:^|[` ])((?:proto|sdk|coordinator|worker|cli|test|bench|docs|examples)\/[\w./-]*)(?=[` ])/gm,
  )) {
    assert.ok(existsSync(join(root, place.replace(/\*.*$/, ""))), place);
  }
});
