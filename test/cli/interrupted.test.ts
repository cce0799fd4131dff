// A run whose process was killed: how it is shown, and how one goes on with it.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { bin, cleanEnvironment, stepwell, temporaryFolder } from "../command.ts";

const flow = `import { existsSync } from "node:fs";
import { FlowSpec, step } from "stepwell";
export class StuckFlow extends FlowSpec {
  @step start() {
    console.log("started once");
    return this.next(this.end);
  }
  @step async end() {
    console.log("waiting");
    while (!existsSync("go")) await new Promise((resolve) => setTimeout(resolve, 50));
    console.log("gone on");
  }
}
`;

void test("a run whose process was killed is interrupted, and goes on in place", { timeout: 60_000 }, async () => {
  using folder = temporaryFolder();
  folder.write("stuck.ts", flow);
  const child = spawn(process.execPath, [bin, "run", "stuck.ts"], { cwd: folder.path, env: cleanEnvironment() });
  let said = "";
  for await (const chunk of child.stdout) if ((said += String(chunk)).includes("end/0 | waiting")) break;
  const runs = await stepwell(folder.path, ["runs"]);
  assert.match(runs.stdout, /^running +StuckFlow\/1/m);
  assert.doesNotMatch(runs.stderr, /resume/);
  const followers = Promise.all([stepwell(folder.path, ["status", "latest", "--watch"]), stepwell(folder.path, ["logs", "latest", "-f"])]);
  child.kill("SIGKILL");
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");

  const goOn = /the process that ran StuckFlow\/1 is gone; go on: stepwell resume --in-place StuckFlow\/1/;
  const after = await stepwell(folder.path, ["runs"]);
  assert.match(after.stdout, /^interrupted +StuckFlow\/1 +tester +\S+.* - +\d ok/m);
  assert.match(after.stderr, goOn);
  const { runs: listed } = JSON.parse((await stepwell(folder.path, ["runs", "--json"])).stdout) as { runs: Record<string, unknown>[] };
  assert.deepEqual([listed[0]?.["status"], listed[0]?.["owner"]], ["running", null]);
  const status = await stepwell(folder.path, ["status", "latest"]);
  assert.match(status.stdout, /^StuckFlow\/1 {2}interrupted/);
  assert.match(status.stdout, goOn);
  const plan = await stepwell(folder.path, ["resume", "--dry-run"]);
  assert.match(plan.stderr, /note: StuckFlow\/1 was interrupted; to go on with it itself: stepwell resume --in-place StuckFlow\/1/);

  for (const { code, stderr } of await followers) {
    assert.equal(code, 1, stderr);
    assert.match(stderr, /error\[SW5003\]: the process that ran StuckFlow\/1 is gone\n.*stepwell resume --in-place StuckFlow\/1\n$/);
  }

  folder.write("go", "");
  const resumed = await stepwell(folder.path, ["resume", "--in-place"]);
  assert.equal(resumed.code, 0, resumed.stderr);
  assert.match(resumed.stdout, /StuckFlow\/1 run goes on by="tester"\n/);
  assert.match(resumed.stdout, /end\/0 \| gone on/);
  assert.doesNotMatch(resumed.stdout, /started once/);
  assert.match(resumed.stdout, /✓ StuckFlow\/1 succeeded \S+ after it was taken up/);
  assert.doesNotMatch(resumed.stderr, /silent/);
});
