import assert from "node:assert/strict";
import { test } from "node:test";
import { createRun, describeLedger, ownerNamed } from "../ports/ledger.conformance.ts";
import { MemoryLedger } from "./memory-ledger.ts";

describeLedger("MemoryLedger", async () => new MemoryLedger());

test("a simulation decides which owners live", async () => {
  const living = new Set(["creator"]);
  const ledger = new MemoryLedger({ isAlive: ({ id }) => living.has(id) });
  const run = await createRun(ledger, "TrainFlow");
  assert.equal((await ledger.claim(run, ownerNamed("second"))).id, "creator");
  living.delete("creator");
  living.add("second");
  assert.equal((await ledger.claim(run, ownerNamed("second"))).id, "second");
});
