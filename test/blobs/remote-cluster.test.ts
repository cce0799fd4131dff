// Flows on workers that share no folder with their coordinator: everything goes through caches and granted URLs.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { parseStepName, taskIdOf } from "../../proto/ids.ts";
import { readArtifact } from "../../sdk/artifact/read.ts";
import { root, temporaryFolder } from "../command.ts";
import { withTinyDisk } from "../tiny-disk.ts";
import { RemoteCluster } from "./remote-cluster.ts";

test(
  "a real flow runs on two workers without the coordinator's folder, and a client without it reads the result",
  { timeout: 60_000 },
  async () => {
    using folder = temporaryFolder();
    await using cluster = await RemoteCluster.start(folder.path);
    cluster.startWorker("one", { slots: 1 });
    cluster.startWorker("two", { slots: 1 });
    const run = await cluster.submit(join(root, "examples/iris.ts"), { folds: 4, heldOut: 0.2, seed: 7 });
    await cluster.ended(run);
    const view = await cluster.control.run(run);
    const accuracy = view.result?.["testAccuracy"];
    assert.ok(accuracy !== undefined);
    assert.equal(typeof (await readArtifact(accuracy, await cluster.clientStore(run))), "number");
  },
);

const bigFlow = `
import { FlowSpec, artifact, current, step, type Inputs, type ArtifactFile } from "stepwell";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
export class BigFlow extends FlowSpec {
  declare parts: number[];
  declare big: Uint8Array;
  declare middling: string;
  declare file: ArtifactFile;
  declare sums: number[];
  @step start() {
    this.parts = [1, 2, 3, 4, 5, 6];
    return this.next(this.make, { foreach: "parts" });
  }
  @step make(part: number) {
    this.big = new Uint8Array(3_000_000).fill(part);
    this.middling = String(part).repeat(5000);
    const path = join(current.tempDir, "part.bin");
    writeFileSync(path, Buffer.alloc(20_000_000, part));
    this.file = artifact.file(path);
    return this.next(this.gather);
  }
  @step async gather(inputs: Inputs<this>) {
    this.sums = [];
    for (const input of inputs) {
      let size = 0;
      for await (const piece of input.file.stream()) size += piece.length;
      this.sums.push(input.big.reduce((a, b) => a + b, 0) + input.middling.length + size + input.file.bytes()[5]!);
    }
    this.file = inputs[2]!.file;
    return this.next(this.end);
  }
  @step end() {}
}
`;

test(
  "values of every size, packs and files travel between workers, also where the cache is smaller than they are",
  { timeout: 90_000 },
  async () => {
    using folder = temporaryFolder();
    await using cluster = await RemoteCluster.start(folder.path);
    cluster.startWorker("one", { bytesMax: 30_000_000 });
    cluster.startWorker("two", { bytesMax: 30_000_000 });
    const run = await cluster.submitText(bigFlow);
    await cluster.ended(run);
    const { result } = await cluster.control.run(run);
    const [sums, file] = [result?.["sums"], result?.["file"]];
    assert.ok(sums !== undefined && file !== undefined);
    const store = await cluster.clientStore(run);
    assert.deepEqual(
      await readArtifact(sums, store),
      [1, 2, 3, 4, 5, 6].map((part) => 3_000_000 * part + 5000 + 20_000_000 + part),
    );
    // The coordinator's folder holds what came in pieces as a whole.
    assert.ok(file.kind === "stored" && file.blobs?.[0] !== undefined);
    assert.deepEqual(await cluster.store.get(file.blobs[0]), new Uint8Array(Buffer.alloc(20_000_000, 3)));
  },
);

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
  const agent = spawn(process.execPath, [program, cluster.address, "doomed", join(folder.path, "cache-doomed")], { stdio: "ignore" });
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
