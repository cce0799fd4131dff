import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { describeLedger } from "../ports/ledger.conformance.ts";
import { SqliteLedger } from "./sqlite-ledger.ts";

const folder = mkdtempSync(join(tmpdir(), "stepwell-ledger-"));
after(() => rmSync(folder, { recursive: true }));

describeLedger("SqliteLedger", async () => new SqliteLedger(join(folder, "not", "yet", "there", "ledger.db")));
