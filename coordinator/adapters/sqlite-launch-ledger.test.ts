import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, test } from "node:test";
import { describeLaunchLedger, newLaunchId, someEvents } from "../ports/launch-ledger.conformance.ts";
import { LedgerError } from "../ports/ledger.ts";
import { SqliteLaunchLedger } from "./sqlite-launch-ledger.ts";

const folder = mkdtempSync(join(tmpdir(), "stepwell-launches-"));
after(() => rmSync(folder, { recursive: true }));

describeLaunchLedger("SqliteLaunchLedger", async () => new SqliteLaunchLedger(join(folder, "suite.db")));

test("what was appended is there when the file is opened again", async () => {
  const path = join(folder, "again.db");
  const launch = newLaunchId();
  const first = new SqliteLaunchLedger(path);
  await first.append(someEvents(launch));
  await first.close();
  const second = new SqliteLaunchLedger(path);
  assert.deepEqual(await Array.fromAsync(second.read()), someEvents(launch));
  await second.close();
});

test("an event that was changed on disk is an error, and none is passed over", async () => {
  const path = join(folder, "damaged.db");
  const first = new SqliteLaunchLedger(path);
  await first.append(someEvents(newLaunchId()));
  await first.close();
  const database = new DatabaseSync(path);
  database.exec("UPDATE launch_events SET payload = replace(payload, 'job-1', 'job-9') WHERE id = 4");
  database.close();
  const second = new SqliteLaunchLedger(path);
  await assert.rejects(Array.fromAsync(second.read()), (error: unknown) => error instanceof LedgerError && error.problem === "corrupt");
  await second.close();
});
