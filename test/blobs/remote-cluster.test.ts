// Flows on workers that share no folder with their coordinator: everything goes through caches and granted URLs.

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { readArtifact } from "../../sdk/artifact/read.ts";
import { root, temporaryFolder } from "../command.ts";
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
