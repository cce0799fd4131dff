// The README's tutorial, as a reader follows it: the package is packed and installed, every file is written, every
// command is typed, and the output that the README shows is the output that comes.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { test } from "node:test";
import { cleanEnvironment, root, temporaryFolder } from "../command.ts";
import { type Block, blocksOf, patched, readMarkdown, sectionOf } from "./markdown.ts";
import { assertShows } from "./output.ts";

const readme = readMarkdown("README.md");

test("the tutorial does what it says, from the packed package to the test of a flow", { timeout: 120_000 }, async (t) => {
  using temporary = temporaryFolder();
  const clone = join(temporary.path, "stepwell");
  const project = join(temporary.path, "my-flows");
  copyClone(clone);
  let folder = clone;
  let printed = "";
  for (const block of blocksOf(sectionOf(readme, "Ten minutes"))) {
    const where = `README.md, "${block.heading}": \`\`\`${block.language} ${block.note}`;
    await t.test(`${where} ${block.text.split("\n")[0] ?? ""}`, () => {
      if (block.language === "text") assertShows(block.text, printed, where);
      else if (block.language === "sh") printed = typed(block, folder, where);
      else if (block.language === "ts") writeFileSync(join(project, block.note), block.text);
      else if (block.language === "diff") patch(join(project, block.note), block.text);
      else assert.fail(`${where}: the test does not know this kind of block`);
    });
    if (block.text.includes("cd ../my-flows")) folder = project;
  }
  await t.test("what the reader has written at the end is free of type errors", () => typeCheck(project));
});

test("the README's picture is the example that it names", () => {
  const [picture] = blocksOf(readme).filter((block) => block.note === "examples/train.ts");
  assert.ok(picture !== undefined && readFileSync(join(root, "examples/train.ts"), "utf8").includes(picture.text));
});

test("the README shows the report that the iris flow ends with", { timeout: 60_000 }, () => {
  using temporary = temporaryFolder();
  cpSync(join(root, "examples"), join(temporary.path, "examples"), { recursive: true });
  symlinkSync(join(root, "node_modules"), join(temporary.path, "node_modules"));
  const command = { language: "sh", note: "", heading: "", line: 0, text: `node ${root}dist/cli/bin.cjs run examples/iris.ts` };
  const [report] = blocksOf(readme).filter((block) => block.note === "examples/iris.ts");
  assert.ok(report !== undefined);
  assertShows(`…\n${report.text}…\n`, typed(command, temporary.path, "iris"), "README.md");
});

test("a link in a document leads to a file that exists", () => {
  for (const file of [
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "docs/flows.md",
    "docs/code.md",
    "docs/reliability.md",
    "docs/glossary.md",
  ]) {
    const folder = join(root, file, "..");
    for (const [, target = ""] of readMarkdown(file).matchAll(/\]\((?!https?:)([^)#]+)/g)) {
      assert.doesNotThrow(() => readFileSync(join(folder, target)), `${file} links to ${target}`);
    }
  }
});

/** What `npm pack` needs of a clone that has been built. */
function copyClone(clone: string): void {
  mkdirSync(clone);
  for (const name of ["package.json", "README.md", "LICENSE", "dist", "docs"])
    cpSync(join(root, name), join(clone, name), { recursive: true });
}

/** Both streams in the order in which they were written. */
function typed(block: Block, cwd: string, where: string): string {
  const path = [join(root, "node_modules/.bin"), process.env["PATH"] ?? ""].join(delimiter);
  // The copy is built, and cannot be built again without its sources.
  const npm = { npm_config_ignore_scripts: "true", npm_config_prefer_offline: "true" };
  const env = { ...cleanEnvironment(), ...npm, PATH: path, STEPWELL_USER: "ada" };
  const script = `exec 2>&1\nset -e\n${block.text}`;
  const ran = spawnSync("bash", ["-c", script], { cwd, env, encoding: "utf8", timeout: 60_000 });
  const expected = Number(/exit=(\d+)/.exec(block.note)?.[1] ?? 0);
  assert.equal(ran.status, expected, `${where} ended with ${ran.status ?? ran.signal}:\n${block.text}\n${ran.stdout}`);
  return ran.stdout;
}

function patch(file: string, diff: string): void {
  writeFileSync(file, patched(readFileSync(file, "utf8"), diff));
}

function typeCheck(project: string): void {
  const ran = spawnSync(join(root, "node_modules/.bin/tsc"), ["-p", project], { encoding: "utf8" });
  assert.equal(ran.stdout, "");
}
