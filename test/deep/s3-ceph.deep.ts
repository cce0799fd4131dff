// Artifacts in a real object store that is not AWS: the suites of the test server on Ceph, and what this Ceph lacks.

import assert from "node:assert/strict";
import { createHash, randomUUID } from "node:crypto";
import { Readable } from "node:stream";
import { after, describe, test } from "node:test";
import { CreateBucketCommand, GetObjectAttributesCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import type { Sha256 } from "../../proto/ids.ts";
import { describeArtifactStore } from "../../sdk/artifact/store.conformance.ts";
import { parseS3Place } from "../../sdk/artifact/s3/place.ts";
import { PresignedArtifactStore } from "../../sdk/artifact/s3/presigned-store.ts";
import { S3ArtifactStore } from "../../sdk/artifact/s3/s3-store.ts";
import { Ceph, whyNoCeph } from "../s3/ceph.ts";
import { useTestCredentials } from "../s3/fixture.ts";

const bucket = "stepwell-test";
const reason = whyNoCeph();

if (reason !== null) test("artifacts in Ceph", { skip: reason }, () => {});
else await describeCeph();

async function describeCeph(): Promise<void> {
  useTestCredentials();
  const ceph = await Ceph.start();
  const client = new S3Client({ endpoint: ceph.url, region: "us-east-1", forcePathStyle: true, maxAttempts: 1 });
  after(async () => {
    client.destroy();
    await ceph[Symbol.asyncDispose]();
  });
  await client.send(new CreateBucketCommand({ Bucket: bucket }));

  const openStore = async (pieceBytes: number): Promise<{ readonly store: S3ArtifactStore; readonly prefix: string }> => {
    const prefix = randomUUID();
    const place = parseS3Place(`s3://${bucket}/${prefix}?endpoint=${ceph.url}`);
    return { store: await S3ArtifactStore.open(place, { pieceBytes }), prefix };
  };
  for (const pieceBytes of [16 * 1024 * 1024, 1024 * 1024]) {
    for (const access of ["role", "presigned"] as const) {
      describeArtifactStore(`Ceph, ${access}, pieces of ${pieceBytes >> 20} MiB`, async () => {
        const { store, prefix } = await openStore(pieceBytes);
        const granted = new PresignedArtifactStore((requests) => store.sign(requests, { expiresInSeconds: 300 }), { pieceBytes });
        const corrupt = async (sha256: Sha256): Promise<void> => {
          const [first = sha256] = await store.piecesOf(sha256);
          const bytes = Buffer.from(await store.get(first));
          bytes[0] = (bytes[0] ?? 0) ^ 1;
          await client.send(new PutObjectCommand({ Bucket: bucket, Key: `${prefix}/cas/${first.slice(0, 2)}/${first}`, Body: bytes }));
        };
        const writesCount = async (): Promise<number> => {
          let count = 0;
          for await (const { part } of store.list()) if (part === "list" || pieceBytes > 5 * 1024 * 1024) count += 1;
          return count;
        };
        const close = (): void => {
          granted.close();
          store.close();
        };
        return { store: access === "role" ? store : granted, corrupt, writesCount, close };
      });
    }
  }

  test("Ceph: blobs are listed in the order of names and deleted, whole ones and those in pieces", async () => {
    const { store } = await openStore(1000);
    const names = await Promise.all(Array.from({ length: 30 }, (_, at) => store.put(Buffer.alloc(100 * at, `${at}`))));
    const listed = async (after?: Sha256): Promise<readonly Sha256[]> => {
      const found: Sha256[] = [];
      for await (const { sha256 } of store.list(after)) found.push(sha256);
      return found;
    };
    const all = await listed();
    assert.deepEqual(all, all.toSorted());
    assert.ok(names.every((name) => all.includes(name)));
    assert.deepEqual(await listed(all[9]), all.slice(10));
    await store.delete(all);
    assert.deepEqual(await listed(), []);
    store.close();
  });

  describe("what Ceph lacks, and our stores do without", () => describeGaps(client, openStore));
}

function describeGaps(
  client: S3Client,
  openStore: (pieceBytes: number) => Promise<{ readonly store: S3ArtifactStore; readonly prefix: string }>,
): void {
  const digestOf = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("base64");
  const bytes = Buffer.from("these bytes");

  test("it does not check the SHA-256 that came with an object: who reads finds out", async () => {
    const { store, prefix } = await openStore(1000);
    const sha256 = await store.put(bytes);
    const Key = `${prefix}/cas/${sha256.slice(0, 2)}/${sha256}`;
    await client.send(new PutObjectCommand({ Bucket: bucket, Key, Body: "other bytes", ChecksumSHA256: digestOf(bytes) }));
    await assert.rejects(store.get(sha256), { problem: "corrupt" });
    await store.put(bytes);
    assert.deepEqual(Buffer.from(await store.get(sha256)), bytes);
    store.close();
  });

  test("it takes no checksum that follows the bytes: ours goes before them", async () => {
    const input = { Bucket: bucket, Key: "trailer", Body: Readable.from([bytes]), ContentLength: bytes.length };
    await assert.rejects(client.send(new PutObjectCommand(input)), { name: "MissingContentLength" });
  });

  test("it tells no attributes of an object: ours are in its name and its MD5", async () => {
    await client.send(new PutObjectCommand({ Bucket: bucket, Key: "attributes", Body: bytes, ChecksumSHA256: digestOf(bytes) }));
    const asked = client.send(new GetObjectAttributesCommand({ Bucket: bucket, Key: "attributes", ObjectAttributes: ["Checksum"] }));
    const told = await asked.then(
      ({ Checksum }) => Checksum?.ChecksumSHA256,
      () => undefined,
    );
    assert.equal(told, undefined);
  });
}
