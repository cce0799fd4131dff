import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SqliteLedger } from "../../coordinator/adapters/sqlite-ledger.ts";
import { ownerNamed, indexOf, eventAt } from "../../coordinator/ports/ledger.conformance.ts";
import { parseFlowName } from "../../proto/ids.ts";
import { CliError } from "../cli-error.ts";
import { openDataFolder, readServed } from "./data-folder.ts";

function temporary(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "stepwell-data-"));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, "data");
}

const served = { pid: 4711, host: "one", address: "one:7420", http: "one:7421", fingerprint: null, tokenFile: null, startedAt: "now" };

test("who finds a folder taken is told by whom; one that was given back can be had (D1)", (context) => {
  const path = temporary(context);
  const first = openDataFolder(path);
  first.describe(served);
  assert.throws(
    () => openDataFolder(path),
    (error) =>
      error instanceof CliError &&
      error.kind === "conflict" &&
      error.message === `${path} is served already by process 4711 on one, at one:7420`,
  );
  first.release();
  assert.equal(readServed(path), null);
  openDataFolder(path).release();
});

test("a folder keeps its identity, and what it holds is its owner's alone (D2)", (context) => {
  const path = temporary(context);
  const first = openDataFolder(path);
  first.release();
  const second = openDataFolder(path);
  second.release();
  assert.equal(second.identity, first.identity);
  assert.equal(statSync(path).mode & 0o077, 0);
  assert.equal(statSync(join(path, "identity")).mode & 0o077, 0);
});

test("the coordinator of a folder has what the folder's coordinator had, wherever that ran (D2)", async (context) => {
  const path = temporary(context);
  const folder = openDataFolder(path);
  const ledger = new SqliteLedger(join(path, "ledger.db"));
  context.after(async () => {
    await ledger.close();
    folder.release();
  });
  // Nobody can see from here whether the container still lives.
  const before = ownerNamed(folder.identity, { host: "container-1", pid: 7 });
  const { run } = await ledger.create({ flow: parseFlowName("KeptFlow"), owner: before }, (id) => ({
    events: [eventAt(1)],
    index: indexOf(id),
  }));
  const stranger = ownerNamed("another", { host: "container-2" });
  assert.equal((await ledger.claim(run, stranger)).id, folder.identity);
  const after = ownerNamed(folder.identity, { host: "container-2" });
  assert.deepEqual(await ledger.claim(run, after), after);
});

test("a folder that is somebody else's is said to be, and not to be served", { skip: process.getuid?.() === 0 }, (context) => {
  const path = temporary(context);
  openDataFolder(path).release();
  chmodSync(join(path, "lock"), 0o400);
  assert.throws(() => openDataFolder(path), refusedFolder);
  chmodSync(path, 0o500);
  assert.throws(() => openDataFolder(path), refusedFolder);
  chmodSync(path, 0o700);
});

function refusedFolder(error: unknown): boolean {
  return (
    error instanceof CliError && error.kind === "store" && /cannot be used: EACCES.*/.test(error.message) && /owner/.test(error.hint ?? "")
  );
}

test("a folder that cannot be made is an error of the store that names it", (context) => {
  const path = temporary(context);
  writeFileSync(path, "");
  assert.throws(
    () => openDataFolder(join(path, "below")),
    (error) =>
      error instanceof CliError &&
      error.kind === "store" &&
      error.message.startsWith(`the data folder ${path}/below cannot be used: ENOTDIR`),
  );
});
