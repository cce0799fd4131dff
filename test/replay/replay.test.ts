// Ledgers that earlier code wrote, as they were found: today's code reads the same in them. See keep.ts.

import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { openLocal } from "../../cli/local-cluster.ts";
import { temporaryFolder } from "../command.ts";
import { essenceOf, type Essence } from "./essence.ts";

const kept = readdirSync(import.meta.dirname).filter((name) => name.endsWith(".db"));

test("a ledger of each format that there was is kept", () => {
  assert.ok(kept.length > 0);
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
