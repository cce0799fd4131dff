// What goes wrong between workers and the coordinator's store: nothing half is left, and somebody is told.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { parseStepName, taskIdOf } from "../../proto/ids.ts";
import { root, temporaryFolder } from "../command.ts";
import { withTinyDisk } from "../tiny-disk.ts";
import { RemoteCluster } from "./remote-cluster.ts";

const heavyFlow = `
import { FlowSpec, artifact, current, step, type ArtifactFile } from "stepwell";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
export class HeavyFlow extends FlowSpec {
  declare file: ArtifactFile;
  declare size: number;
  @step start() {
    const path = join(current.tempDir, "heavy.bin");
    writeFileSync(path, Buffer.alloc(40_000_000, "heavy"));
    this.file = artifact.file(path);
    return this.next(this.end);
  }
  @step end() {
    this.size = this.file.bytes().length;
  }
}
`;

test("an agent that is killed while it uploads leaves no part of a blob, and the task runs elsewhere", { timeout: 60_000 }, async () => {
  using folder = temporaryFolder();
  await using cluster = await RemoteCluster.start(folder.path);
  const program = join(root, "test/blobs/agent-program.ts");
  const agent = spawn(process.execPath, [program, cluster.endpoint.address, "doomed", join(folder.path, "cache-doomed")], {
    stdio: "ignore",
  });
  const run = await cluster.submitText(heavyFlow);
  // What the code package left is moved away at once; what lies there then is a part of the file.
  const unfinished = (): number =>
    existsSync(join(folder.path, "artifacts/tmp")) ? readdirSync(join(folder.path, "artifacts/tmp")).length : 0;
  while (unfinished() === 0) await turn();
  agent.kill("SIGKILL");
  await once(agent, "exit");
  cluster.startWorker("doomed");
  await cluster.ended(run);
  const attempts = (await cluster.control.task(run, taskIdOf(parseStepName("start"), []))).attempts;
  assert.deepEqual(
    attempts.map(({ outcome }) => outcome),
    ["lost", "succeeded"],
  );
  let count = 0;
  for await (const { sha256 } of cluster.store.list()) {
    await cluster.store.get(sha256); // Verified.
    count += 1;
  }
  assert.ok(count >= 4, `${count} blobs`);
});

test(
  "what finds no room in the store fails the attempt in words, is tried again, and then fails the run",
  { timeout: 60_000 },
  async (context) => {
    await withTinyDisk(context, { sizeKiB: 30_000 }, async (disk) => {
      using elsewhere = temporaryFolder();
      await using cluster = await RemoteCluster.start(disk);
      cluster.startWorker("one", { folder: elsewhere.path });
      const run = await cluster.submitText(heavyFlow);
      for await (const _ of cluster.control.events(run, 0));
      const { status, firstFailure } = await cluster.control.run(run);
      assert.equal(status, "failed");
      assert.ok(firstFailure?.failure.kind === "store");
      assert.match(firstFailure.failure.message, /blob [0-9a-f]{64} could not be written.*full/);
      assert.equal(firstFailure.attempt, 5);
    });
  },
);
