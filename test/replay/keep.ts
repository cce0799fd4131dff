// Keeps what the built command of today stores, for the code of later days to read: `node test/replay/keep.ts` runs flows that
// succeed, fail, are tried again, cancelled, resumed and tagged, and writes their ledger beside this file, under its format's number.
// To be done when a format is new; what is there already is never written again.

import assert from "node:assert/strict";
import { copyFileSync, existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { SqliteLedger } from "../../coordinator/adapters/sqlite-ledger.ts";
import { summaryOf } from "../../coordinator/core/view.ts";
import { openLocal } from "../../cli/local-cluster.ts";
import { chaosFlow } from "../chaos/cluster/workload.ts";
import { stepwell, temporaryFolder } from "../command.ts";
import { failedRun } from "./failed-run.ts";
import { essenceOf } from "./essence.ts";

const flow = `
import { FlowSpec, current, parameter, retry, step } from "stepwell";
export class KeptFlow extends FlowSpec {
  size = parameter.string({ default: "small" });
  fails = parameter.boolean({ default: false });
  waits = parameter.boolean({ default: false });
  declare way: string;
  declare large: Float64Array;
  @step start() {
    this.way = this.size;
    this.large = new Float64Array(2000).fill(7);
    return this.next({ small: this.small, big: this.big }, { condition: "way" });
  }
  @step small() { return this.next(this.work); }
  @step big() { return this.next(this.work); }
  @retry({ times: 1, minutesBetween: 0 })
  @step async work() {
    if (this.fails) throw new RangeError("as it was asked to");
    if (this.waits) await new Promise((resolve) => setTimeout(resolve, 60_000));
    return this.next(this.end);
  }
  @step end() {}
}
`;

using folder = temporaryFolder();
folder.write("kept.ts", flow);
folder.write("chaos.ts", chaosFlow);
const run = async (code: number, ...words: readonly string[]): Promise<void> => {
  const ran = await stepwell(folder.path, words);
  assert.equal(ran.code, code, ran.stderr + ran.stdout);
};
const shape = ["--n", "14", "--outer", "2", "--inner", "2", "--bytes", "5000", "--effects", join(folder.path, "effects")];
await run(0, "run", "chaos.ts", ...shape, "--tag", "first");
await run(0, "run", "kept.ts", "--size", "big");
await run(1, "run", "kept.ts", "--fails");
await run(1, "retry", "KeptFlow/2");
await run(0, "resume", "KeptFlow/2", "--no-fails");
await run(0, "tag", "add", "KeptFlow/1", "good", "bad");
await run(0, "tag", "rm", "KeptFlow/1", "bad");
const waiting = run(1, "run", "kept.ts", "--waits", "--run-id-file", join(folder.path, "name"));
while (!existsSync(join(folder.path, "name"))) await new Promise((resolve) => setTimeout(resolve, 50));
await run(0, "cancel", "KeptFlow/4");
await waiting;

const dir = join(folder.path, ".stepwell");
const ledger = new SqliteLedger(join(dir, "ledger.db"));
const { state, events } = failedRun();
const owner = { id: "test", pid: process.pid, host: "test", address: "" };
await ledger.create({ flow: state.submitted.graph.flow, owner }, () => ({ events, index: summaryOf(state) }));
await ledger.close();
const local = await openLocal({ dir });
const essence = await essenceOf(local.control);
await local.close();
const database = new DatabaseSync(join(dir, "ledger.db"));
const format = Number(Object.values(database.prepare("PRAGMA user_version").get() ?? {})[0]);
const name = join(import.meta.dirname, `format-${format}`);
assert.ok(!existsSync(`${name}.db`), `${name}.db is kept already`);
database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
database.close();
copyFileSync(join(dir, "ledger.db"), `${name}.db`);
writeFileSync(`${name}.json`, `${JSON.stringify(essence, null, 2)}\n`);
process.stdout.write(`${name}.db: ${Object.keys(essence).join(", ")}\n`);
