// docs/flows.md is true: every flow on it compiles, runs, and prints what the page shows below it.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { problemCodes } from "../../sdk/graph/problem-codes.ts";
import { root, stepwell, temporaryFolder } from "../command.ts";
import { type Block, blocksOf, readMarkdown } from "./markdown.ts";
import { assertShows } from "./output.ts";

const page = readMarkdown("docs/flows.md");
const blocks = blocksOf(page);
const folder = temporaryFolder();
after(() => folder[Symbol.dispose]());
const flows = blocks.filter((block) => block.language === "ts");
for (const block of blocks) if (block.language === "ts" || block.language === "txt") folder.write(fileOf(block), block.text);

for (const flow of flows) {
  test(`${fileOf(flow)} under "${flow.heading}" runs and prints what the page shows`, { timeout: 60_000 }, async () => {
    const shown = blocks.slice(blocks.indexOf(flow)).find((block) => block.language === "text");
    assert.ok(shown?.heading === flow.heading, "the page shows no output");
    const ran = await stepwell(folder.path, ["run", fileOf(flow)]);
    assert.equal(ran.code, Number(/exit=(\d+)/.exec(flow.note)?.[1] ?? 0), ran.stderr + ran.stdout);
    assertShows(shown.text, ran.stdout + ran.stderr, `docs/flows.md, ${fileOf(flow)}`);
  });
}

test("every flow on the page compiles in strict mode", () => {
  mkdirSync(join(folder.path, "node_modules"));
  symlinkSync(root, join(folder.path, "node_modules/stepwell"));
  symlinkSync(join(root, "node_modules/@types"), join(folder.path, "node_modules/@types"));
  const options = {
    target: "ES2022",
    module: "NodeNext",
    lib: ["ES2024", "ESNext.Decorators"],
    types: ["node"],
    strict: true,
    noEmit: true,
  };
  folder.write("package.json", '{ "type": "module" }');
  folder.write(
    "tsconfig.json",
    JSON.stringify({ compilerOptions: { ...options, noUncheckedIndexedAccess: true, skipLibCheck: true }, files: flows.map(fileOf) }),
  );
  assert.equal(spawnSync(join(root, "node_modules/.bin/tsc"), ["-p", folder.path], { encoding: "utf8" }).stdout, "");
});

test("the page names no code of a problem that does not exist", () => {
  for (const [code] of page.matchAll(/SW1\d\d\d/g)) assert.ok(code in problemCodes, code);
});

function fileOf(block: Block): string {
  return block.note.split(" ")[0] ?? "";
}
