// Ledgers that earlier code wrote, as they were found: today's code reads the same in them. See keep.ts.

import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { openLocal } from "../../cli/local-cluster.ts";
import { temporaryFolder } from "../command.ts";
import { essenceOf, type Essence } from "./essence.ts";

const kept = readdirSync(import.meta.dirname).filter((name) => name.endsWith(".db"));

test("a ledger of today's format is kept, and of each one before", async () => {
  using folder = temporaryFolder();
  const local = await openLocal({ dir: folder.path });
  await local.close();
  const database = new DatabaseSync(join(folder.path, "ledger.db"));
  const format = Number(Object.values(database.prepare("PRAGMA user_version").get() ?? {})[0]);
  database.close();
  const names = Array.from({ length: format }, (_, before) => `format-${before + 1}.db`);
  assert.deepEqual(kept.toSorted(), names, "node test/replay/keep.ts keeps one");
});

for (const name of kept) {
  test(`the runs of ${name} are what they were when they were stored`, async () => {
    using folder = temporaryFolder();
    const dir = join(folder.path, ".stepwell");
    mkdirSync(dir);
    copyFileSync(join(import.meta.dirname, name), join(dir, "ledger.db"));
    const expected = JSON.parse(readFileSync(join(import.meta.dirname, name.replace(".db", ".json")), "utf8")) as Essence;
    const local = await openLocal({ dir });
    try {
      assert.deepEqual(await essenceOf(local.control), expected);
    } finally {
      await local.close();
    }
  });
}
