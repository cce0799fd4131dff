// docs/code.md is true: its programs compile, run in the order of the page, and print what it shows below them.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { after, test } from "node:test";
import { cleanEnvironment } from "../command.ts";
import { type Block, blocksOf, readMarkdown } from "./markdown.ts";
import { assertShows } from "./output.ts";
import { typeErrorsOf, writeProject } from "./project.ts";

const blocks = blocksOf(readMarkdown("docs/code.md"));
const programs = blocks.filter((block) => block.language === "ts");
const project = writeProject(programs.map((block) => ({ name: fileOf(block), text: block.text })));
after(() => project[Symbol.dispose]());

for (const program of programs.filter((block) => !block.note.endsWith(" flow"))) {
  test(`${fileOf(program)} under "${program.heading}" runs and prints what the page shows`, { timeout: 60_000 }, () => {
    const args = fileOf(program).endsWith(".test.ts") ? ["--test", fileOf(program)] : [fileOf(program)];
    const ran = spawnSync(process.execPath, args, { cwd: project.path, encoding: "utf8", env: cleanEnvironment(), timeout: 50_000 });
    assert.equal(ran.status, 0, ran.stdout + ran.stderr);
    const shown = blocks.find((block) => block.language === "text" && block.line > program.line && block.heading === program.heading);
    if (shown !== undefined) assertShows(shown.text, ran.stdout + ran.stderr, `docs/code.md, ${fileOf(program)}`);
    else assert.match(fileOf(program), /\.test\.ts$/, "the page shows no output");
  });
}

test("every program on the page compiles in strict mode", () => {
  assert.equal(typeErrorsOf(project.path), "");
});

test("what the page says of the client's classes is there", async () => {
  const client: Readonly<Record<string, unknown>> = { ...(await import("../../cli/client.ts")) };
  const rows = [...readMarkdown("docs/code.md").matchAll(/^\| `(\w+)` \| (.+) \|$/gm)];
  assert.equal(rows.length, 6);
  for (const [, name = "", members = ""] of rows) {
    const named = client[name];
    assert.ok(typeof named === "function", name);
    const prototypes = [named.prototype, Object.getPrototypeOf(named.prototype)];
    for (const [, member = ""] of members.matchAll(/`(\w+)(?:\(\w*\))?`/g)) {
      assert.ok(prototypes.some((prototype) => Object.hasOwn(prototype, member)) || isField(name, member), `${name} has no ${member}`);
    }
  }
});

/** Set in the constructor, so not on the prototype. */
function isField(name: string, member: string): boolean {
  return ["Artifact.pathspec"].includes(`${name}.${member}`);
}

function fileOf(block: Block): string {
  return block.note.split(" ")[0] ?? "";
}
