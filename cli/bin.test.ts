import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { parse } from "acorn";

const bin = fileURLToPath(new URL("bin.cts", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "stepwell-bin-"));
after(() => rmSync(folder, { recursive: true }));

function stepwell(words: readonly string[], nodeOptions: readonly string[] = []) {
  return spawnSync(process.execPath, [...nodeOptions, bin, ...words], { encoding: "utf8", cwd: folder, timeout: 20_000 });
}

void test("an old Node is refused with a sentence, before anything that it cannot read", () => {
  const preload = join(folder, "old.cjs");
  for (const [version, refused] of [
    ["20.20.2", true],
    ["22.12.0", true],
    ["9.0.0", true],
    ["22.13.0", false],
    ["24.0.0", false],
  ] as const) {
    writeFileSync(preload, `Object.defineProperty(process.versions, "node", { value: ${JSON.stringify(version)} });`);
    const { status, stdout, stderr } = stepwell(["version"], ["--require", preload]);
    assert.equal(status, refused ? 2 : 0, version);
    if (refused)
      assert.match(stderr, new RegExp(`^error\\[SW2010\\]: stepwell needs Node 22\\.13 or later, and this is ${version}\\n  hint: `));
    else assert.match(stdout, /^\d+\.\d+\.\d+\n$/);
  }
});

void test("the entry is in a language that every Node since 10 reads", () => {
  const source = stripTypeScriptTypes(readFileSync(bin, "utf8"));
  parse(source, { ecmaVersion: 2020, sourceType: "script", allowHashBang: true });
  const modern = /\?\.|\?\?|\|\|=|\bcatch\s*\{|\bBigInt\b|\b\d+n\b/;
  assert.doesNotMatch(source.replaceAll(/\/\/.*|"[^"]*"/g, ""), modern, "of ES2020 only import() may be used");
});

void test("the version is answered in three ways, alike", () => {
  const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string };
  for (const word of ["version", "--version", "-V"]) assert.equal(stepwell([word]).stdout, `${version}\n`);
});

void test("a reader that leaves early is no error", () => {
  const line = `"${process.execPath}" "${bin}" --help | head -1; echo "\${PIPESTATUS[0]}"`;
  const { stdout, stderr } = spawnSync("bash", ["-c", line], { encoding: "utf8" });
  assert.deepEqual([stdout.split("\n").at(-2), stderr], ["0", ""]);
});

void test("bash completes commands, options and values after sourcing the script", () => {
  writeFileSync(join(folder, "stepwell"), `#!/bin/sh\nexec "${process.execPath}" "${bin}" "$@"\n`);
  chmodSync(join(folder, "stepwell"), 0o755);
  const complete = (line: string) => {
    const script = `eval "$(stepwell completion bash)"; COMP_WORDS=(${line}); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _stepwell; printf '%s\\n' "\${COMPREPLY[@]}"`;
    return execFileSync("bash", ["-c", script], {
      encoding: "utf8",
      cwd: folder,
      env: { ...process.env, PATH: `${folder}:${process.env["PATH"]}` },
    })
      .trimEnd()
      .split("\n");
  };
  assert.deepEqual(complete("stepwell res"), ["resume"]);
  assert.deepEqual(complete("stepwell runs --status ''"), ["pending", "running", "succeeded", "failed", "cancelled"]);
  assert.deepEqual(complete("stepwell tag ''"), ["add", "rm", "list"]);
});
