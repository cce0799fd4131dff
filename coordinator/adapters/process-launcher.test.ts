import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { newLaunchId, someShape } from "../ports/launch-ledger.conformance.ts";
import { describeLauncher } from "../ports/launcher.conformance.ts";
import { ProcessLauncher } from "./process-launcher.ts";

const folder = mkdtempSync(join(tmpdir(), "stepwell-launched-"));
after(() => rmSync(folder, { recursive: true, force: true }));

function launcherWith(code: string): ProcessLauncher {
  return new ProcessLauncher({ folder, command: [process.execPath, "-e", code], environment: { FROM_LAUNCHER: "yes" } });
}

const lasting = "setInterval(() => {}, 1000)";

describeLauncher("ProcessLauncher", async () => launcherWith(lasting));

test("another launcher on the folder finds what one before it has started, and ends it", async () => {
  const launch = newLaunchId();
  const before = launcherWith(lasting);
  const answer = await before.launch({ launch, shape: someShape, count: 2, environment: {} });
  await before.close();
  assert.equal(answer.kind, "launched");
  const next = launcherWith(lasting);
  const { job } = answer;
  assert.deepEqual(await next.find([launch]), [{ launch, job, over: false }]);
  await next.end([{ job, indexes: null }]);
  while ((await next.describe([job]))[0]?.stages.running !== 0) await wait(20);
  assert.equal((await next.find([launch]))[0]?.over, true);
});

test("each worker is told which it is, and what becomes of it is told with its exit code", async () => {
  const told =
    "console.log(['FROM_LAUNCHER','A','AWS_BATCH_JOB_ID','AWS_BATCH_JOB_ARRAY_INDEX'].map((n) => process.env[n]).join()); process.exit(3)";
  const launcher = launcherWith(told);
  const answer = await launcher.launch({ launch: newLaunchId(), shape: someShape, count: 2, environment: { A: "b" } });
  assert.equal(answer.kind, "launched");
  const { job } = answer;
  let [report] = await launcher.describe([job]);
  for (; report?.stages.failed !== 2; [report] = await launcher.describe([job])) await wait(20);
  assert.deepEqual(
    report.failures.map(({ index, kind, exitCode }) => [index, kind, exitCode]),
    [
      [0, "exit", 3],
      [1, "exit", 3],
    ],
  );
  const output = [0, 1].map((index) => readFileSync(join(folder, job, `${index}.log`), "utf8"));
  assert.deepEqual(output, [`yes,b,${job}:0,0\n`, `yes,b,${job}:1,1\n`]);
});
