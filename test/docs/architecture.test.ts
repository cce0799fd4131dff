import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { root } from "../command.ts";
import { readMarkdown, sectionOf } from "./markdown.ts";

const architecture = readMarkdown("ARCHITECTURE.md");
const manifest: unknown = JSON.parse(readMarkdown("package.json"));

/** What stands in backquotes in the cells of a table's rows. */
function rowsOf(section: string): readonly (readonly (readonly string[])[])[] {
  const rows = sectionOf(architecture, section)
    .split("\n")
    .filter((line) => line.startsWith("| "));
  return rows.map((row) => row.split("|").map((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, word = ""]) => word)));
}

test("ARCHITECTURE.md gives a reason for every dependency, and for nothing else", () => {
  const explained = rowsOf("Dependencies").flatMap(([, names = []]) => names);
  const { dependencies, devDependencies } = manifest as Record<"dependencies" | "devDependencies", Record<string, string>>;
  assert.deepEqual(explained.toSorted(), Object.keys({ ...dependencies, ...devDependencies }).toSorted());
});

test("every limit that ARCHITECTURE.md names is a constant in the file that it names", () => {
  const limits = rowsOf("Limits").filter(([, , names = []]) => names.length > 0);
  assert.ok(limits.length > 5);
  for (const [, , names = [], [file = ""] = []] of limits) {
    for (const name of names) assert.match(readFileSync(join(root, file), "utf8"), new RegExp(`const ${name}\\b`), file);
  }
});

test("every place that ARCHITECTURE.md names exists", () => {
  for (const [, place = ""] of architecture.matchAll(/`((?:proto|sdk|coordinator|worker|cli|test|bench|docs|examples)\/[\w./-]*)`/g)) {
    assert.ok(existsSync(join(root, place)), place);
  }
});
