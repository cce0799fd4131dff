// What the compiler says about each mistake is what types/mistakes.ts promises.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

const root = join(import.meta.dirname, "..");
const folderOfTypes = join(import.meta.dirname, "types");
const expectation = /^\s*\/\/ @ts-expect-error (?<what>.+?)\. (?<says>.+)$/;

test("every mistake gets the message that mistakes.ts quotes, and nothing else gets one", () => {
  const folder = mkdtempSync(join(tmpdir(), "mistakes-"));
  try {
    const lines = readFileSync(join(folderOfTypes, "mistakes.ts"), "utf8").replaceAll("../..", root).split("\n");
    writeFileSync(join(folder, "mistakes.ts"), lines.join("\n").replaceAll("@ts-expect-error", "expected:"));
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(settings()));
    const compiler = join(root, "node_modules/typescript/bin/tsc");
    const { stdout } = spawnSync(process.execPath, [compiler, "-p", folder, "--pretty", "false"], { encoding: "utf8" });
    const errors = errorsByLine(stdout);
    const expected = lines.flatMap((line, i) => {
      const { what, says } = line.match(expectation)?.groups ?? {};
      return what === undefined || says === undefined ? [] : [{ what, says, line: i + 2 }];
    });
    assert.equal(expected.length, errors.size);
    assert.equal(expected.filter(({ what }) => /^\d+:/.test(what)).length, 25);
    for (const { what, says, line } of expected) {
      const error = errors.get(line) ?? "";
      let at = 0;
      for (const part of says.split("…").map((text) => text.trim())) {
        at = error.indexOf(part, at);
        assert.notEqual(at, -1, `line ${line}, ${what}: the compiler does not say ${part}, but\n${error}`);
      }
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

function settings(): unknown {
  const own = JSON.parse(readFileSync(join(folderOfTypes, "tsconfig.json"), "utf8")) as { compilerOptions: object };
  const typeRoots = [join(root, "node_modules/@types")];
  return { compilerOptions: { ...own.compilerOptions, typeRoots, noErrorTruncation: true }, include: ["mistakes.ts"] };
}

/** Messages by the line they stand at; the indented lines after one belong to it. */
function errorsByLine(output: string): ReadonlyMap<number, string> {
  const errors = new Map<number, string>();
  let line = 0;
  for (const text of output.split("\n")) {
    line = Number(text.match(/mistakes\.ts\((\d+),/)?.[1] ?? line);
    if (text !== "") errors.set(line, `${errors.get(line) ?? ""}${text}\n`);
  }
  return errors;
}
