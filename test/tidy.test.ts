// Rules of the house that no linter knows. CONTRIBUTING.md lists them with their reasons.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const root = new URL("..", import.meta.url).pathname;
const files = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], { cwd: root, encoding: "utf8" })
  .split("\n")
  .filter((file) => file !== "");
const sources = files.filter((file) => /\.tsx?$/.test(file) && !file.endsWith(".d.ts"));
const own = sources.filter((file) => !/^(test|bench|examples)\//.test(file) && !/\.(test|conformance|flow)\.ts$/.test(file));

function linesOf(file: string): string[] {
  return readFileSync(`${root}/${file}`, "utf8").split("\n");
}

function offences(list: readonly string[], pattern: RegExp): string[] {
  return list.flatMap((file) => linesOf(file).flatMap((line, i) => (pattern.test(line) ? [`${file}:${i + 1}: ${line.trim()}`] : [])));
}

test("a file opens with what it is for", () => {
  const bare = own.filter((file) => !/^(#!.*\n)?(\/\/|\/\*\*|import )/.test(readFileSync(`${root}/${file}`, "utf8")));
  assert.deepEqual(bare, []);
});

test("no unfinished or silenced place", () => {
  const patterns = [
    /\b(TO[D]O|FIX[M]E|X[X]X|HA[C]K)\b/,
    /@ts-ignor[e]/,
    /eslint-disabl[e]|oxlint-disabl[e](?!.* -- )/,
    /\b(it|test|describe)\.(only|todo)\b/,
  ];
  for (const pattern of patterns) assert.deepEqual(offences(sources, pattern), []);
});

test("nothing is of type any without a reason on the line above", () => {
  const unexplained = own.flatMap((file) => {
    const lines = linesOf(file);
    return lines.flatMap((line, i) => {
      const isAny = /\bas any\b|: any\b/.test(line) && !/^\s*(\/\/|\/?\*)/.test(line);
      return isAny && !/no-explicit-any -- ./.test(lines[i - 1] ?? "") ? [`${file}:${i + 1}: ${line.trim()}`] : [];
    });
  });
  assert.deepEqual(unexplained, []);
});

test("no lockfile names a download address", () => {
  const lockfiles = files.filter((file) => /(^|\/)package-lock\.json$/.test(file));
  assert.ok(lockfiles.length > 0);
  assert.deepEqual(offences(lockfiles, /"resolved": *"https?:/), []);
});

test("every dependency is pinned and has its line in ARCHITECTURE.md", () => {
  const manifest = JSON.parse(readFileSync(`${root}/package.json`, "utf8")) as Record<
    "dependencies" | "devDependencies",
    Record<string, string>
  >;
  const architecture = readFileSync(`${root}/ARCHITECTURE.md`, "utf8");
  for (const [name, version] of Object.entries({ ...manifest.dependencies, ...manifest.devDependencies })) {
    assert.match(version, /^\d/, `${name} is not pinned`);
    assert.ok(architecture.includes(`\`${name}\``), `ARCHITECTURE.md does not say why ${name} is there`);
  }
});

test("no folder of leftovers", () => {
  assert.deepEqual(
    own.filter((file) => /(^|\/)(utils?|helpers?|common|misc|manager)(\/|\.ts$)/.test(file)),
    [],
  );
});
