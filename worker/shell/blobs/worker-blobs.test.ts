import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { BlobPlace } from "../../../proto/blobs.ts";
import { parseSha256 } from "../../../proto/ids.ts";
import type { RemotePlace } from "../../../sdk/artifact/blob-place.ts";
import { MemoryArtifactStore } from "../../../sdk/artifact/memory-store.ts";
import { temporaryFolder } from "../../../test/command.ts";
import { WorkerBlobs } from "./worker-blobs.ts";

const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const of = { run: "F/1", task: "a/0", attempt: 0, lease: 1 };

function offer(...places: readonly BlobPlace[]): Uint8Array {
  return Buffer.from(JSON.stringify(places));
}

function blobsIn(root: string): { readonly blobs: WorkerBlobs; readonly opened: RemotePlace[] } {
  const opened: RemotePlace[] = [];
  const open = async (place: RemotePlace) => {
    opened.push(place);
    return () => new MemoryArtifactStore();
  };
  return { blobs: new WorkerBlobs({ root, bytesMax: 1_000_000, open, log }), opened };
}

const presigned = (port: number): BlobPlace => ({ kind: "presigned", http: { port, tls: false } });
const bucket: BlobPlace = { kind: "s3", bucket: "b", prefix: "", region: null, endpoint: null, pathStyle: false };

test("the coordinator's own folder is used where it is the same one, and not where only its name is", async () => {
  using folder = temporaryFolder();
  const root = join(folder.path, "artifacts");
  mkdirSync(root);
  writeFileSync(join(root, "mark"), "this one\n");
  const here = blobsIn(folder.path).blobs;
  assert.equal(await here.use(offer({ kind: "files", root, mark: "this one" }, presigned(1))), true);
  assert.deepEqual([here.storage().access, here.storage().root, here.attempt(of)], ["files", root, null]);
  const elsewhere = blobsIn(folder.path).blobs;
  await elsewhere.use(offer({ kind: "files", root, mark: "another" }, presigned(1)));
  assert.equal(elsewhere.storage().access, "cached");
  await elsewhere.close();
  await assert.rejects(
    blobsIn(folder.path).blobs.use(offer({ kind: "files", root, mark: "another" })),
    /does not have, and offers no other way/,
  );
});

test("a bucket is to hold everything, and its keys are hidden from step code where the worker has some", async () => {
  using folder = temporaryFolder();
  const withKeys = blobsIn(folder.path).blobs;
  await withKeys.use(offer(bucket));
  assert.deepEqual([withKeys.storage().access, withKeys.storage().hidden.includes("AWS_SECRET_ACCESS_KEY")], ["cachedWhole", true]);
  const without = blobsIn(folder.path).blobs;
  await without.use(offer({ kind: "presigned", http: null }));
  assert.deepEqual([without.storage().access, without.storage().hidden], ["cachedWhole", []]);
});

test("step code is told where the bucket's data are, whether or not the worker has keys", async () => {
  using folder = temporaryFolder();
  const dataRootFrom = async (place: BlobPlace): Promise<string | null> => {
    const { blobs } = blobsIn(folder.path);
    await blobs.use(offer(place));
    return blobs.storage().dataRoot;
  };
  assert.equal(await dataRootFrom(bucket), "s3://b/data");
  assert.equal(await dataRootFrom({ kind: "presigned", http: null, dataRoot: "s3://b/p/data?region=r" }), "s3://b/p/data?region=r");
  assert.equal(await dataRootFrom({ kind: "presigned", http: null }), null);
});

test("after a restart the coordinator may serve blobs at another port, but not keep them elsewhere", async () => {
  using folder = temporaryFolder();
  const { blobs, opened } = blobsIn(folder.path);
  const reach = () =>
    blobs
      .attempt(of)
      ?.fetch(parseSha256("a".repeat(64)))
      .catch(() => undefined);
  await blobs.use(offer(presigned(1)));
  await reach();
  assert.equal(await blobs.use(offer(presigned(1))), false);
  await reach();
  await blobs.use(offer(presigned(2)));
  await reach();
  assert.deepEqual(opened, [presigned(1), presigned(2)]);
  await assert.rejects(blobs.use(offer(bucket)), /elsewhere now: start the worker again/);
});
