// docs/cards.md is true: its flow and its program compile, its commands run, and all print what the page shows below them.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { TaskCard } from "../../sdk/card/task-card.ts";
import { card } from "../../sdk/card/construct.ts";
import { cleanEnvironment, stepwell } from "../command.ts";
import { type Block, blocksOf, readMarkdown } from "./markdown.ts";
import { assertShows } from "./output.ts";
import { typeErrorsOf, writeProject } from "./project.ts";

const page = readMarkdown("docs/cards.md");
const blocks = blocksOf(page);
const project = writeProject(blocks.filter((block) => block.language === "ts").map(({ note, text }) => ({ name: note, text })));
after(() => project[Symbol.dispose]());

before(async () => {
  const ran = await stepwell(project.path, ["run", "prices.ts"]);
  assert.equal(ran.code, 0, ran.stdout + ran.stderr);
});

for (const block of blocks.filter(({ language }) => language === "sh")) {
  test(`${block.text.trim()} prints what the page shows`, { timeout: 60_000 }, async () => {
    const ran = await stepwell(project.path, block.text.trim().split(" ").slice(1));
    assert.equal(ran.code, 0, ran.stderr);
    const shown = outputOf(block);
    if (shown !== null) assertShows(shown, ran.stdout, "docs/cards.md");
    else assert.ok(existsSync(join(project.path, "prices.html")), "the page shows no output");
  });
}

test("read.ts prints what the page shows", { timeout: 60_000 }, () => {
  const program = blocks.find(({ note }) => note === "read.ts");
  assert.ok(program);
  const env = cleanEnvironment();
  const ran = spawnSync(process.execPath, ["read.ts"], { cwd: project.path, encoding: "utf8", env, timeout: 50_000 });
  assertShows(outputOf(program) ?? "", ran.stdout + ran.stderr, "docs/cards.md, read.ts");
});

test("the flow and the program on the page compile in strict mode", () => {
  assert.equal(typeErrorsOf(project.path), "");
});

test("the page lists every component, and names what a card has", () => {
  const rows = [...page.matchAll(/^\| `card\.(\w+)\(/gm)].map(([, name = ""]) => name);
  assert.deepEqual(new Set(rows), new Set(Object.keys(card)));
  for (const name of ["append", "extend", "clear", "components"] as const) assert.ok(name in new TaskCard());
});

/** The block right after it; null where that is no output. */
function outputOf(block: Block): string | null {
  const next = blocks[blocks.indexOf(block) + 1];
  return next?.language === "text" ? next.text : null;
}
