import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import type { AuditEntry } from "../ports/audit-trail.ts";
import type { LogFields } from "../shell/log.ts";
import { FileAuditTrail, type FileAuditTrailOptions } from "./file-audit-trail.ts";

const entry: AuditEntry = {
  atMs: 0,
  action: "cancel",
  tokenId: "sw_1",
  tokenName: "ada",
  role: "runner",
  from: "192.0.2.1:5",
  run: "Flow/1",
  about: null,
  result: "done",
  code: null,
};

function opened(context: TestContext, over: Partial<FileAuditTrailOptions> = {}) {
  const folder = mkdtempSync(join(tmpdir(), "stepwell-audit-"));
  context.after(() => rmSync(folder, { recursive: true }));
  const said: { readonly level: string; readonly fields: LogFields }[] = [];
  const say = (level: string) => (fields: LogFields) => void said.push({ level, fields });
  const log = { debug: say("debug"), info: say("info"), warn: say("warn"), error: say("error") };
  const path = join(folder, "audit.jsonl");
  return { folder, path, said, trail: new FileAuditTrail({ path, log, ...over }) };
}

const lines = (path: string): Record<string, unknown>[] =>
  readFileSync(path, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);

test("who is refused again and again fills no trail, and neither does what was asked about", async (context) => {
  const { path, trail } = opened(context);
  const denied = { ...entry, about: "x".repeat(1_000_000), result: "denied", code: "denied" } as const;
  for (let count = 0; count < 100; count += 1) trail.record(denied);
  trail.record(entry);
  trail.record({ ...denied, tokenId: "sw_2" });
  trail.record({ ...denied, atMs: 60_000 });
  await trail.close();
  const told = lines(path);
  assert.equal(told.length, 30 + 3);
  assert.deepEqual(
    told.slice(30).map((line) => [line["token_id"], line["result"], line["held_back"]]),
    [
      ["sw_1", "done", undefined],
      ["sw_2", "denied", undefined],
      ["sw_1", "denied", 70],
    ],
  );
  assert.ok(statSync(path).size < 20_000);
});

test("every entry is a line of JSON, in order, in a file for its owner alone, and a line of the log", async (context) => {
  const { path, said, trail } = opened(context);
  trail.record(entry);
  trail.record({ ...entry, result: "denied", code: "denied" });
  await trail.close();
  trail.record({ ...entry, action: "tag" });
  await trail.close();
  assert.deepEqual(
    lines(path).map(({ action, result }) => [action, result]),
    [
      ["cancel", "done"],
      ["cancel", "denied"],
      ["tag", "done"],
    ],
  );
  const [first] = lines(path);
  assert.deepEqual(
    [first?.["time"], first?.["token_id"], first?.["run_id"], first?.["from"]],
    ["1970-01-01T00:00:00.000Z", "sw_1", "Flow/1", "192.0.2.1:5"],
  );
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.deepEqual(
    said.map(({ level, fields }) => [level, fields["event"]]),
    [
      ["info", "audit"],
      ["warn", "audit"],
      ["info", "audit"],
    ],
  );
});

test("a full file is put aside, and the oldest entries go when there are eight files", async (context) => {
  const { folder, path, trail } = opened(context, { fileBytesMax: 1000 });
  for (let count = 0; count < 60; count += 1) {
    trail.record({ ...entry, about: String(count) });
    await trail.close();
  }
  const names = readdirSync(folder).sort();
  assert.deepEqual(names, ["audit.jsonl", ...Array.from({ length: 7 }, (_, at) => `audit.jsonl.${at + 1}`)]);
  for (const name of names) assert.ok(statSync(join(folder, name)).size <= 1000, name);
  const kept = names.toReversed().flatMap((name) => lines(join(folder, name)).map(({ about }) => Number(about)));
  const sorted = kept.toSorted((a, b) => a - b);
  assert.equal(new Set(sorted).size, kept.length);
  assert.equal(sorted.at(-1), 59);
  assert.equal(sorted.length, 60 - (sorted[0] ?? 0));
  assert.equal(lines(path).at(-1)?.["about"], "59");
});

test("what cannot be written is told, and ends nothing", async (context) => {
  const { folder, said } = opened(context);
  writeFileSync(join(folder, "in-the-way"), "");
  const say = (level: string) => (fields: LogFields) => void said.push({ level, fields });
  const log = { debug: say("debug"), info: say("info"), warn: say("warn"), error: say("error") };
  const trail = new FileAuditTrail({ path: join(folder, "in-the-way", "audit.jsonl"), log });
  trail.record(entry);
  await trail.close();
  assert.deepEqual(
    said.filter(({ level }) => level === "error").map(({ fields }) => [fields["event"], fields["entries"]]),
    [["audit.lost", 1]],
  );
});
