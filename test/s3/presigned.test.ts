import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { pieceListBytesMax } from "../../proto/blobs.ts";
import { parseSha256 } from "../../proto/ids.ts";
import type { Sha256 } from "../../proto/ids.ts";
import { writePieceList } from "../../sdk/artifact/s3/piece-list.ts";
import { describeStoreOverS3 } from "./conformance.ts";
import { bucket, keyIn, TestStores } from "./fixture.ts";

describeStoreOverS3("presigned");

const bytes = Buffer.from("exactly these bytes");
const sha256 = nameOf(bytes);

test("a URL to write is good for exactly the bytes it was granted for, and once", async () => {
  await using stores = await TestStores.open();
  const grant = async (): Promise<{ url: string; headers: Record<string, string> }> => {
    const [granted] = await stores.store.sign([{ kind: "put", sha256, size: bytes.length }], { expiresInSeconds: 300 });
    assert.ok(granted !== undefined);
    return { url: granted.url, headers: { ...granted.headers } };
  };
  const { url, headers } = await grant();
  const put = async (body: Buffer, sent: Record<string, string>, to = url): Promise<number> =>
    (await fetch(to, { method: "PUT", body: new Uint8Array(body), headers: sent })).status;
  const others = Buffer.from("other bytes, as many");
  assert.equal(others.length, bytes.length + 1);
  const checksumOf = (of: Buffer): string => createHash("sha256").update(of).digest("base64");
  assert.equal(await put(others, headers), 403, "another length");
  assert.equal(await put(others.subarray(1), headers), 400, "as long, but other bytes");
  assert.equal(
    await put(others.subarray(1), { ...headers, "x-amz-checksum-sha256": checksumOf(others.subarray(1)) }),
    403,
    "another checksum",
  );
  const { "if-none-match": onlyNew, ...without } = headers;
  assert.equal(onlyNew, "*");
  assert.equal(await put(bytes, without), 403, "without the condition");
  assert.equal(await put(bytes, { ...headers, "x-amz-tagging": "a=b" }), 403, "with something added");
  assert.equal(await put(bytes, headers, url.replace(sha256, nameOf(others))), 403, "under another name");
  assert.equal(stores.server.writes.length, 0);
  assert.equal(await put(bytes, headers), 200);
  assert.equal(await put(bytes, headers), 412, "again");
});

test("a URL to read is good for one blob, and for a while", async () => {
  let nowMs = Date.now();
  await using stores = await TestStores.open({}, { now: () => nowMs });
  await stores.store.put(bytes);
  const [granted] = await stores.store.sign([{ kind: "get", sha256 }], { expiresInSeconds: 60 });
  assert.ok(granted !== undefined);
  assert.equal(await (await fetch(granted.url)).text(), bytes.toString());
  assert.equal((await fetch(granted.url, { method: "PUT", body: "x" })).status, 403);
  const other = await stores.store.put(Buffer.from("other"));
  assert.equal((await fetch(granted.url.replaceAll(sha256, other))).status, 403);
  nowMs += 61_000;
  assert.equal((await fetch(granted.url)).status, 403);
});

test("a URL whose time is over is asked for anew, once", async () => {
  await using stores = await TestStores.open({}, { now: () => Date.now() + 400_000 });
  const store = stores.presigned();
  await assert.rejects(store.get(sha256), { problem: "denied", message: /Request has expired/ });
  assert.equal(stores.grants.length, 2);
});

test("URLs that are needed at once are asked for at once", async () => {
  await using stores = await TestStores.open();
  const names = await Promise.all(Array.from({ length: 600 }, (_, at) => stores.store.put(Buffer.from(`blob ${at}`))));
  const store = stores.presigned();
  await Promise.all(names.map((name) => store.get(name)));
  assert.deepEqual(
    stores.grants.map((requests) => requests.length),
    [500, 100],
  );
});

test("a piece is asked for by the blob that it is a piece of", async () => {
  await using stores = await TestStores.open({ pieceBytes: 1000 });
  const large = Buffer.alloc(2500, "pieces");
  const name = await stores.store.put(large);
  const store = stores.presigned({ pieceBytes: 1000 });
  assert.deepEqual(Buffer.from(await store.get(name)), large);
  const asked = stores.grants.flat();
  const pieces = (await stores.store.piecesOf(name)).map((piece) => ({ kind: "get", sha256: piece, of: name }));
  assert.deepEqual(asked, [{ kind: "get", sha256: name }, { kind: "getList", sha256: name }, ...pieces]);
});

test("the list of a blob's pieces is never replaced by another over a URL", async () => {
  await using stores = await TestStores.open({ pieceBytes: 1000 });
  const large = Buffer.alloc(2500, "pieces");
  const name = await stores.store.put(large);
  const lie = { kind: "putList", sha256: name, size: 10, checksum: sha256, replace: true } as const;
  await assert.rejects(stores.store.sign([lie], { expiresInSeconds: 60 }), { problem: "denied", message: /may not be replaced/ });
  const key = `${keyIn(name)}.pieces`;
  const object = stores.server.bucket(bucket).objects.get(key);
  assert.ok(object?.content.kind === "memory");
  const own = { ...lie, size: object.content.size, checksum: nameOf(object.content.bytes) };
  assert.equal((await stores.store.sign([own], { expiresInSeconds: 60 })).length, 1);
});

test("a list of pieces that is larger than one may be is not taken into memory, by whoever signs or reads", async () => {
  await using stores = await TestStores.open({ pieceBytes: 1000 });
  const name = await stores.store.put(Buffer.alloc(2500, "pieces"));
  const count = Math.ceil(pieceListBytesMax / 65);
  const bytes = writePieceList({ sha256: name, size: count, pieceBytes: 1, pieces: Array<Sha256>(count).fill(name) });
  const { objects } = stores.server.bucket(bucket);
  const key = `${keyIn(name)}.pieces`;
  const object = objects.get(key);
  assert.ok(object !== undefined && bytes.length > pieceListBytesMax);
  objects.set(key, { ...object, content: { kind: "memory", size: bytes.length, md5: object.content.md5, bytes } });
  const own = { kind: "putList", sha256: name, size: bytes.length, checksum: nameOf(bytes), replace: true } as const;
  await assert.rejects(stores.store.sign([own], { expiresInSeconds: 60 }), { problem: "denied" });
  await assert.rejects(stores.store.piecesOf(name), { problem: "corrupt" });
});

function nameOf(of: Uint8Array): Sha256 {
  return parseSha256(createHash("sha256").update(of).digest("hex"));
}
