// What `stepwell doctor` finds on a machine where all is well, and where it isn't.

import assert from "node:assert/strict";
import { closeSync, mkdirSync, openSync, readdirSync, writeSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Project } from "./project.ts";

const options = { timeout: 60_000 };

type Finding = { readonly check: string; readonly status: string; readonly found: string; readonly hint: string | null };

async function examine(project: Project): Promise<{ readonly exit: number; readonly found: (check: string) => Finding }> {
  const { exit, out } = await project.say("doctor --json");
  const { checks } = JSON.parse(out) as { readonly checks: readonly Finding[] };
  return {
    exit,
    found: (check) => {
      const finding = checks.find((one) => one.check === check);
      assert.ok(finding, `no check is called ${check}`);
      return finding;
    },
  };
}

const flow = `import { FlowSpec, step } from "stepwell";
export class TinyFlow extends FlowSpec {
  @step start() { return this.next(this.end); }
  @step end() {}
}
`;

void test("where all is well, every check says so, and nothing is left behind", options, async () => {
  using project = new Project();
  const { exit, out } = await project.say("doctor");
  assert.equal(exit, 0, out);
  assert.deepEqual(
    [...out.matchAll(/^ok {2}(\w+)/gm)].map(([, check]) => check),
    ["node", "user", "folder", "disk", "machine", "socket", "bundler", "store", "ledger"],
  );
  assert.deepEqual(readdirSync(project.folder), []);
  project.write("tiny.ts", flow);
  await project.ask("run tiny.ts -q");
  assert.equal((await examine(project)).found("ledger").found, "whole; newest run TinyFlow/1");
  assert.deepEqual(readdirSync(project.folder).toSorted(), [".stepwell", "tiny.ts"]);
});

void test("a damaged ledger is found", options, async () => {
  using project = new Project();
  project.write("tiny.ts", flow);
  await project.ask("run tiny.ts -q");
  const file = openSync(join(project.folder, ".stepwell/ledger.db"), "r+");
  writeSync(file, Buffer.alloc(4096, "x"), 0, 4096, 4096);
  closeSync(file);
  const { exit, found } = await examine(project);
  assert.equal(exit, 5);
  assert.equal(found("ledger").status, "failed");
  assert.match(found("ledger").found, /malformed|Tree|page|database/);
  assert.equal(found("store").status, "ok");
});

void test("a folder for temporary files whose path is too long for a socket is found", options, async (t) => {
  using project = new Project();
  const long = join(project.folder, "x".repeat(90));
  mkdirSync(long);
  const before = process.env["TMPDIR"];
  process.env["TMPDIR"] = long;
  t.after(() => {
    if (before === undefined) delete process.env["TMPDIR"];
    else process.env["TMPDIR"] = before;
  });
  const { exit, found } = await examine(project);
  assert.equal(exit, 5);
  assert.equal(found("socket").status, "failed");
  assert.match(found("socket").hint ?? "", /set TMPDIR/);
  assert.deepEqual(readdirSync(long), []);
});
