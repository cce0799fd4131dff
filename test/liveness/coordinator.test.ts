// A coordinator that freezes for longer than its workers' leases, and another that is started beside it.

import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Service, startCoordinator, startWorker } from "../cluster/processes.ts";
import { stepwell, temporaryFolder } from "../command.ts";

const flow = (folder: string): string => `import { existsSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { current, FlowSpec, step } from "stepwell";
export class GateFlow extends FlowSpec {
  @step async start() {
    writeFileSync(${JSON.stringify(folder)} + "/begun-" + current.attempt, "");
    while (!existsSync(${JSON.stringify(folder)} + "/gate")) await sleep(20);
    return this.next(this.end);
  }
  @step end() {}
}
`;

/** Beyond the lease, which is ten seconds. Milliseconds. */
const frozenMs = 12_000;

type Status = { readonly status: string; readonly taskList: readonly { readonly attempts: readonly { readonly outcome: string }[] }[] };

void test(
  "a coordinator that was frozen for longer than a lease blames no worker, and no other starts beside it",
  {
    timeout: 90_000,
  },
  async () => {
    using temporary = temporaryFolder();
    const folder = temporary.path;
    const cluster = await startCoordinator(folder);
    await using coordinator = cluster.coordinator;
    await using _worker = await startWorker(cluster, 0);
    temporary.write("gate.ts", flow(folder));
    const ran = await stepwell(folder, ["run", "gate.ts", "--detach"], { env: cluster.env });
    assert.equal(ran.code, 0, ran.stderr);
    while (!existsSync(join(folder, "begun-0"))) await sleep(20);

    coordinator.signal("SIGSTOP");
    await using other = new Service(["coordinator", "--data", join(folder, "data"), "--listen", "127.0.0.1:0"], { cwd: folder });
    assert.notEqual(await other.ended(), 0, "it does not take what a living process has");
    assert.match(other.text, /already|another|has this folder/i);
    await sleep(frozenMs);
    coordinator.signal("SIGCONT");

    writeFileSync(join(folder, "gate"), "");
    const watched = await stepwell(folder, ["watch", ran.stdout.trim()], { env: cluster.env });
    assert.equal(watched.code, 0, watched.stderr);
    const { stdout } = await stepwell(folder, ["status", ran.stdout.trim(), "--tasks", "--json"], { env: cluster.env });
    const { status, taskList } = JSON.parse(stdout) as Status;
    assert.equal(status, "succeeded");
    assert.deepEqual(
      taskList.map(({ attempts }) => attempts.map(({ outcome }) => outcome)),
      [["succeeded"], ["succeeded"]],
    );
    assert.ok(!existsSync(join(folder, "begun-1")));
  },
);
