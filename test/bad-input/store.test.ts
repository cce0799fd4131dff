// Ledgers and artifact stores that were damaged. The cases are in store.golden.txt.

import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { before } from "node:test";
import { Folder, testCases } from "./case.ts";

const folder = new Folder();
const runs = join(folder.path, ".stepwell");
const ledger = join(runs, "ledger.db");
const healthy = join(mkdtempSync(join(folder.path, "healthy-")), "runs");

before(async () => {
  folder.write(
    "flow.ts",
    `import { FlowSpec, step } from "stepwell";
export class DataFlow extends FlowSpec {
  declare large: string;
  @step start() { this.large = "a".repeat(100_000); return this.next(this.end); }
  @step end() {}
}
`,
  );
  assert.equal((await folder.say(["run", "flow.ts", "-q"])).exit, 0);
  renameSync(runs, healthy);
});

/** A healthy folder, then damaged. */
function damaged(damage: () => void): () => void {
  return () => {
    rmSync(runs, { recursive: true, force: true });
    cpSync(healthy, runs, { recursive: true });
    damage();
  };
}

function flip(file: string, at: number): void {
  const bytes = readFileSync(file);
  assert.ok(at >= 0 && at < bytes.length);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  rmSync(file);
  writeFileSync(file, bytes);
}

function inLedger(sql: string): void {
  const database = new DatabaseSync(ledger);
  database.exec(sql);
  database.close();
}

/** The blob that the large artifact is in; the code is the other. */
function blob(which: "artifact" | "code"): string {
  const folder = join(runs, "artifacts");
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile());
  const found = files.find((path) => readFileSync(path, "latin1").includes("a".repeat(50_000)) === (which === "artifact"));
  assert.ok(found !== undefined);
  return found;
}

const noDatabase = damaged(() => writeFileSync(ledger, "these are not the runs that you are looking for\n".repeat(100)));
const bitFlipped = damaged(() => flip(ledger, readFileSync(ledger).indexOf("taskSucceeded") + 3));

testCases("store.golden.txt", folder, {
  "a ledger that is no database": noDatabase,
  "a ledger that is no database, to run with": noDatabase,
  "a ledger that was cut in half": damaged(() => truncateSync(ledger, Math.floor(statSync(ledger).size / 2 / 4096) * 4096)),
  "a ledger whose head was overwritten": damaged(() => {
    const bytes = readFileSync(ledger);
    bytes.fill(0, 0, 100);
    writeFileSync(ledger, bytes);
  }),
  "a ledger with a flipped bit in an event": bitFlipped,
  "a ledger with a flipped bit in an event, to resume from": bitFlipped,
  "a ledger that lacks an event": damaged(() => inLedger("DELETE FROM events WHERE seq = 3")),
  "a ledger with a damaged summary": damaged(() => inLedger("UPDATE summaries SET summary = replace(summary, 'DataFlow', 'DotaFlow')")),
  "a ledger of a later stepwell": damaged(() => inLedger("PRAGMA user_version = 99")),
  "a ledger without its file but with its log": damaged(() => renameSync(ledger, `${ledger}-wal`)),
  "an artifact that is missing": damaged(() => rmSync(blob("artifact"))),
  "an artifact with a flipped bit": damaged(() => flip(blob("artifact"), 1000)),
  "code that is missing": damaged(() => rmSync(blob("code"))),
  "code with a flipped bit": damaged(() => flip(blob("code"), 1000)),
});
