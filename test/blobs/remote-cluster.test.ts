// Flows on workers that share no folder with their coordinator: everything goes through caches and granted URLs.

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { s3Blobs } from "../../coordinator/adapters/s3-blobs.ts";
import { openAuthority } from "../../coordinator/adapters/tls/authority.ts";
import { openPlace } from "../../sdk/artifact/blob-place.ts";
import { readArtifact } from "../../sdk/artifact/read.ts";
import { root, temporaryFolder } from "../command.ts";
import { placeAt, TestStores } from "../s3/fixture.ts";
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

const inlineFlow = `import { FlowSpec, step, type Inputs } from "stepwell";
export class InlineFlow extends FlowSpec {
  declare items: number[];
  declare value: number;
  declare sum: number;
  @step start() { this.items = [1, 2, 3, 4, 5]; return this.next(this.work, { foreach: "items" }); }
  @step work(item: number) { this.value = item * item; return this.next(this.join); }
  @step join(inputs: Inputs<this>) { this.sum = inputs.reduce((sum, input) => sum + input.value, 0); return this.next(this.end); }
  @step end() { if (this.sum !== 55) throw new Error(String(this.sum)); }
}`;

test("tasks whose values all ride inline ask for no blob but their code, once for the whole worker", { timeout: 60_000 }, async () => {
  using folder = temporaryFolder();
  await using cluster = await RemoteCluster.start(folder.path);
  cluster.startWorker("one");
  await cluster.ended(await cluster.submitText(inlineFlow));
  const [code] = cluster.granted;
  assert.deepEqual(
    cluster.granted.filter(({ sha256 }) => sha256 !== code?.sha256),
    [],
  );
  assert.equal(cluster.granted.filter(({ kind }) => kind === "get").length, 1);
});

test("processes for one task alone do without the folder too", { timeout: 60_000 }, async () => {
  using folder = temporaryFolder();
  await using cluster = await RemoteCluster.start(folder.path);
  cluster.startWorker("one");
  await cluster.ended(await cluster.submit(join(root, "examples/hello.ts"), {}, "process"));
});

test("blobs travel over TLS to whoever knows the authority's fingerprint, and to nobody else", { timeout: 60_000 }, async () => {
  using folder = temporaryFolder();
  const authority = { folder: join(folder.path, "tls"), names: [], nowMs: Date.now(), clientCertificates: false };
  await using cluster = await RemoteCluster.start(folder.path, { tls: openAuthority(authority) });
  cluster.startWorker("one");
  await cluster.ended(await cluster.submit(join(root, "examples/hello.ts")));
  const [place] = await cluster.control.blobPlaces();
  assert.ok(place?.kind === "presigned" && place.http?.tls === true);
  // The same URLs, without what vouches for the coordinator.
  const open = await openPlace(place, { address: cluster.endpoint.address });
  const distrusting = open((requests) => cluster.control.grantBlobs(null, requests));
  await assert.rejects(distrusting.put(Buffer.from("to nobody")), /certificate/);
});

const values = { folds: 2, heldOut: 0.2, seed: 7 };

for (const access of ["presigned", "role"] as const) {
  test(
    `with a bucket (${access}), a flow runs, and the bucket holds every value that its tasks have set`,
    { timeout: 60_000 },
    async () => {
      using folder = temporaryFolder();
      await using stores = await TestStores.open();
      const { store, server } = stores;
      await using cluster = await RemoteCluster.start(folder.path, { blobs: s3Blobs({ store, place: placeAt(server.url), access }) });
      cluster.startWorker("one");
      const run = await cluster.submit(join(root, "examples/iris.ts"), values);
      await cluster.ended(run);
      const { result } = await cluster.control.run(run);
      const read = await cluster.clientStore(run);
      let count = 0;
      for (const ref of Object.values(result ?? {})) {
        assert.ok(ref.kind === "stored");
        await readArtifact(ref, read);
        const { place } = ref;
        if (place.kind !== "inline") continue;
        // Without the ledger's copy.
        assert.ok(place.copy !== undefined);
        const bytes = await store.get(place.copy.pack, { offset: place.copy.offset, length: ref.size });
        assert.deepEqual(Buffer.from(bytes), Buffer.from(place.base64, "base64"));
        count += 1;
      }
      assert.ok(count > 0);
    },
  );
}

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
    this.parts = [1, 2, 3];
    return this.next(this.make, { foreach: "parts" });
  }
  @step make(part: number) {
    this.big = new Uint8Array(3_000_000).fill(part);
    this.middling = String(part).repeat(5000);
    const path = join(current.tempDir, "part.bin");
    writeFileSync(path, Buffer.alloc(17_000_000, part));
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
    cluster.startWorker("one", { bytesMax: 25_000_000 });
    cluster.startWorker("two", { bytesMax: 25_000_000 });
    const run = await cluster.submitText(bigFlow);
    await cluster.ended(run);
    const { result } = await cluster.control.run(run);
    const [sums, file] = [result?.["sums"], result?.["file"]];
    assert.ok(sums !== undefined && file !== undefined);
    const store = await cluster.clientStore(run);
    assert.deepEqual(
      await readArtifact(sums, store),
      [1, 2, 3].map((part) => 3_000_000 * part + 5000 + 17_000_000 + part),
    );
    // The coordinator's folder holds what came in pieces as a whole.
    assert.ok(file.kind === "stored" && file.blobs?.[0] !== undefined);
    assert.deepEqual(await cluster.store.get(file.blobs[0]), new Uint8Array(Buffer.alloc(17_000_000, 3)));
  },
);
