// Collecting garbage from a bucket, in which large blobs lie in pieces.

import assert from "node:assert/strict";
import { test } from "node:test";
import { s3Blobs } from "../../coordinator/adapters/s3-blobs.ts";
import type { Retention } from "../../proto/collect.ts";
import { readArtifact } from "../../sdk/artifact/read.ts";
import { temporaryFolder } from "../command.ts";
import { bucket, placeAt, TestStores } from "../s3/fixture.ts";
import { RemoteCluster } from "./remote-cluster.ts";

const flow = `
import { FlowSpec, step } from "stepwell";
export class LargeFlow extends FlowSpec {
  declare large: Uint8Array;
  @step start() { this.large = new Uint8Array(40_000_000).fill(3); return this.next(this.end); }
  @step end() {}
}
`;

const keepAll: Retention = { keepDays: null, keepLast: null, keepTags: [], namespace: null };

test("pieces stay as long as what they are pieces of, and go with it", { timeout: 60_000 }, async () => {
  using folder = temporaryFolder();
  await using stores = await TestStores.open();
  const { store, server } = stores;
  const objects = (): Map<string, { modifiedAtMs: number }> => server.bucket(bucket).objects;
  const age = (): void => {
    for (const object of objects().values()) object.modifiedAtMs -= 3 * 24 * 60 * 60 * 1000;
  };
  const blobs = s3Blobs({ store, place: placeAt(server.url), access: "presigned" });
  await using cluster = await RemoteCluster.start(folder.path, { blobs, sweep: store });
  cluster.startWorker("one");
  const run = await cluster.submitText(flow);
  await cluster.ended(run);
  const before = objects().size;
  const garbage = await store.put(Buffer.alloc(35_000_000, "garbage"));
  const pieces = await store.piecesOf(garbage);
  assert.equal(pieces.length, 3);
  const collect = (retention: Retention) => cluster.control.collect({ retention, keepLogs: false, dryRun: false, by: "ada" });
  assert.equal((await collect(keepAll)).deleted.blobs, 0);
  age();
  // The pieces and their list.
  assert.equal((await collect(keepAll)).deleted.blobs, pieces.length + 1);
  assert.equal(objects().size, before);
  assert.equal(await store.has(garbage), false);
  const { result } = await cluster.control.run(run);
  const large = result?.["large"];
  assert.ok(large !== undefined);
  const value = await readArtifact(large, await cluster.clientStore(run));
  assert.ok(value instanceof Uint8Array && value.length === 40_000_000 && value[39_999_999] === 3);
  await collect({ ...keepAll, keepDays: 0 });
  assert.equal(objects().size, 0);
});
