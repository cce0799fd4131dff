// docs/flows.md is true: every flow on it compiles, runs, and prints what the page shows below it.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { problemCodes } from "../../sdk/graph/problem-codes.ts";
import { stepwell } from "../command.ts";
import { type Block, blocksOf, readMarkdown } from "./markdown.ts";
import { assertShows } from "./output.ts";
import { typeErrorsOf, writeProject } from "./project.ts";

const page = readMarkdown("docs/flows.md");
const blocks = blocksOf(page);
const flows = blocks.filter((block) => block.language === "ts");
const files = blocks.filter((block) => block.language === "ts" || block.language === "txt");
const folder = writeProject(files.map((block) => ({ name: fileOf(block), text: block.text })));
after(() => folder[Symbol.dispose]());

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
  assert.equal(typeErrorsOf(folder.path), "");
});

test("the page names no code of a problem that does not exist", () => {
  for (const [code] of page.matchAll(/SW1\d\d\d/g)) assert.ok(code in problemCodes, code);
});

function fileOf(block: Block): string {
  return block.note.split(" ")[0] ?? "";
}
