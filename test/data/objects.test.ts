import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { describe, test } from "node:test";
import { bucket } from "../s3/fixture.ts";
import { partBytes, pattern, TestData } from "./fixture.ts";

describe("one object", () => {
  test("comes back as it was put, with what its writer said of it", async () => {
    await using data = await TestData.start();
    await using s3 = data.open();
    const headers = { contentType: "text/csv", metadata: { source: "here" } };
    const written = await s3.put("tables/a.csv", "a,ä\n", headers);
    assert.deepEqual([written.key, written.url, written.written], ["tables/a.csv", `s3://${bucket}/root/tables/a.csv`, true]);
    const file = await s3.get("tables/a.csv");
    assert.equal(await file.text(), "a,ä\n");
    assert.match(file.path, /-a\.csv$/);
    const info = await s3.info("tables/a.csv");
    for (const one of [file, info]) {
      assert.deepEqual(
        [one.exists, one.key, one.url, one.size, one.contentType, one.metadata, one.etag],
        [true, written.key, written.url, 5, "text/csv", { source: "here" }, written.etag],
      );
      assert.ok(Math.abs(one.lastModified.getTime() - Date.now()) < 60_000);
    }
  });

  test("may be empty, bytes, or a stream", async () => {
    await using data = await TestData.start();
    await using s3 = data.open();
    await s3.put("empty", "");
    await s3.put("bytes", new Uint8Array([1, 2, 3]));
    await s3.put("stream", Readable.from([Buffer.from("one "), Buffer.from("two")]));
    const files = await s3.getMany(["empty", "bytes", "stream"]).toArray();
    assert.deepEqual(await Promise.all(files.map((file) => file.bytes())), [
      Buffer.alloc(0),
      Buffer.from([1, 2, 3]),
      Buffer.from("one two"),
    ]);
  });

  test("that is large goes and comes in parts, and arrives whole", async () => {
    await using data = await TestData.start();
    await using s3 = data.open();
    const bytes = pattern(3 * partBytes + 17);
    await s3.put("large", bytes);
    assert.equal(data.server.requests.filter((line) => line.startsWith("PUT")).length, 4);
    const before = data.server.requests.length;
    const file = await s3.get("large");
    assert.ok(bytes.equals(await file.bytes()));
    assert.equal(data.server.requests.length - before, 4);
    const streamed: Uint8Array[] = [];
    for await (const piece of s3.stream("large")) streamed.push(piece);
    assert.ok(bytes.equals(Buffer.concat(streamed)));
  });

  test("streams of every length around that of a part are kept as they are", async () => {
    await using data = await TestData.start();
    await using s3 = data.open();
    for (const length of [partBytes - 1, partBytes, partBytes + 1, 2 * partBytes]) {
      const bytes = pattern(length);
      await s3.put("stream", Readable.from([bytes.subarray(0, 1000), bytes.subarray(1000)]));
      assert.ok(bytes.equals(data.bytesAt("root/stream")), String(length));
      assert.ok(bytes.equals(await (await s3.get("stream")).bytes()), String(length));
    }
    assert.equal(data.server.bucket(bucket).uploads.size, 0);
  });

  test("is read in part, and what lies beyond its end is left out", async () => {
    await using data = await TestData.start();
    await using s3 = data.open();
    const bytes = pattern(2 * partBytes + 100);
    await s3.put("ranged", bytes);
    for (const [offset, length] of [
      [0, 10],
      [7, undefined],
      [partBytes - 5, partBytes + 10],
      [2 * partBytes + 90, 1000],
    ] as const) {
      const range = { offset, ...(length !== undefined && { length }) };
      const file = await s3.get({ key: "ranged", range });
      const expected = bytes.subarray(offset, length === undefined ? undefined : offset + length);
      assert.ok(expected.equals(await file.bytes()), `${offset} ${length}`);
      assert.deepEqual([file.size, file.range], [bytes.length, { offset, length: expected.length }]);
      const pieces: Uint8Array[] = [];
      for await (const piece of s3.stream({ key: "ranged", range })) pieces.push(piece);
      assert.ok(expected.equals(Buffer.concat(pieces)), `streamed ${offset} ${length}`);
    }
  });

  test("that is there stays where overwriting is not wanted, whatever its size", async () => {
    await using data = await TestData.start();
    await using s3 = data.open();
    await s3.put("key", "first");
    assert.deepEqual(await s3.put("key", "second", { overwrite: false }).then(({ written, etag }) => [written, etag]), [false, null]);
    assert.equal((await s3.put("key", pattern(2 * partBytes), { overwrite: false })).written, false);
    assert.equal(await (await s3.get("key")).text(), "first");
    assert.equal((await s3.put("other", "second", { overwrite: false })).written, true);
    assert.equal(data.server.bucket(bucket).uploads.size, 0);
    assert.equal((await s3.put("key", "third")).written, true);
    assert.equal(await (await s3.get("key")).text(), "third");
  });

  test("is encrypted as was asked", async () => {
    await using data = await TestData.start();
    await using s3 = data.open({ encryption: { algorithm: "aws:kms", kmsKeyId: "key-1" } });
    await s3.put("small", "s");
    await s3.put("large", pattern(2 * partBytes));
    for (const key of ["small", "large"]) {
      assert.equal((await s3.info(key)).encryption, "aws:kms");
      const object = data.server.bucket(bucket).objects.get(`root/${key}`);
      assert.equal(object?.headers["x-amz-server-side-encryption-aws-kms-key-id"], "key-1");
    }
  });

  test("that is not there is told, where it may be absent", async () => {
    await using data = await TestData.start();
    await using s3 = data.open();
    const absent = { exists: false, key: "nothing", url: `s3://${bucket}/root/nothing` };
    assert.deepEqual(await s3.get("nothing", { allowMissing: true }), absent);
    assert.deepEqual(await s3.info("nothing", { allowMissing: true }), absent);
    await s3.put("something", "x");
    const infos = await s3.infoMany(["something", "nothing"], { allowMissing: true }).toArray();
    assert.deepEqual(
      infos.map(({ exists }) => exists),
      [true, false],
    );
  });
});

describe("many objects", () => {
  test("come in the order of their keys, so many at once, with word of how far it is", async () => {
    await using data = await TestData.start();
    await using s3 = data.open({ parallel: 4 });
    const keys = Array.from({ length: 50 }, (_, at) => `many/${at}`);
    const told: (readonly [number, number | undefined])[] = [];
    const progress = (done: number, total?: number): void => void told.push([done, total]);
    const puts = await s3.putMany(
      keys.map((key) => ({ key, value: `value of ${key}` })),
      { progress },
    );
    assert.deepEqual(
      puts.map(({ key }) => key),
      keys,
    );
    assert.deepEqual(
      told,
      keys.map((_, at) => [at + 1, 50]),
    );
    const texts: string[] = [];
    for await (const file of s3.getMany(keys)) texts.push(await file.text());
    assert.deepEqual(
      texts,
      keys.map((key) => `value of ${key}`),
    );
    const sizes = await s3.infoMany(keys).toArray();
    assert.equal(sizes.length, 50);
  });

  test("are never asked for more at once than was said", async () => {
    await using data = await TestData.start();
    await using s3 = data.open({ parallel: 3 });
    await s3.putMany(Array.from({ length: 12 }, (_, at) => ({ key: `${at}`, value: "x" })));
    let [inWork, most] = [0, 0];
    const objects = async function* (): AsyncIterable<string> {
      for (let at = 0; at < 12; at += 1) {
        inWork += 1;
        most = Math.max(most, inWork);
        yield `${at}`;
      }
    };
    for await (const file of s3.getMany(objects())) {
      inWork -= 1;
      assert.ok(existsSync(file.path));
    }
    // One is being handed over while its place is taken by the next.
    assert.ok(most <= 4, String(most));
  });

  test("below a folder are listed and fetched, at any depth or at the first", async () => {
    await using data = await TestData.start();
    await using s3 = data.open();
    const keys = ["a.txt", "b/1.txt", "b/2.txt", "b/c/3.txt", "bb/4.txt", "ü/5 +&.txt"];
    await s3.putMany(keys.map((key) => ({ key, value: key })));
    const listed = async (folders?: string | readonly string[]): Promise<readonly string[]> =>
      (await s3.listRecursive(folders).toArray()).map(({ key }) => key);
    assert.deepEqual(await listed(), keys);
    assert.deepEqual(await listed("b"), ["b/1.txt", "b/2.txt", "b/c/3.txt"]);
    assert.deepEqual(await listed(["b/c/", "bb"]), ["b/c/3.txt", "bb/4.txt"]);
    assert.deepEqual(await listed("nowhere"), []);
    const shallow = await s3.list("b").toArray();
    assert.deepEqual(
      shallow.map(({ kind, key }) => `${kind} ${key}`),
      ["object b/1.txt", "object b/2.txt", "folder b/c/"],
    );
    const [first] = await s3.list().toArray();
    assert.ok(first?.kind === "object");
    assert.deepEqual([first.size, first.url], [5, `s3://${bucket}/root/a.txt`]);
    const files = await s3.getRecursive("b").toArray();
    assert.deepEqual(await Promise.all(files.map((file) => file.text())), ["b/1.txt", "b/2.txt", "b/c/3.txt"]);
    assert.equal((await s3.getRecursive().toArray()).length, keys.length);
  });

  test("are listed beyond the first page", async () => {
    await using data = await TestData.start();
    await using s3 = data.open();
    await s3.putMany(Array.from({ length: 1205 }, (_, at) => ({ key: `page/${at}/x`, value: "" })));
    assert.equal((await s3.listRecursive("page").toArray()).length, 1205);
    assert.equal((await s3.list("page").toArray()).length, 1205);
  });

  test("are sent from files, small and large", async () => {
    await using data = await TestData.start();
    await using s3 = data.open();
    const sizes = [0, 1000, partBytes, 2 * partBytes + 5];
    const files = sizes.map((size) => ({ key: `from/${size}`, path: join(data.folder, String(size)) }));
    for (const [at, { path }] of files.entries()) writeFileSync(path, pattern(sizes[at] ?? 0));
    await s3.putFiles(files);
    for (const { key, path } of files) assert.ok((await readFile(path)).equals(await (await s3.get(key)).bytes()), key);
    await assert.rejects(s3.putFiles([{ key: "x", path: join(data.folder, "no-such-file") }]), { code: "ENOENT" });
  });
});

describe("keys", () => {
  test("are URLs where there is no root", async () => {
    await using data = await TestData.start();
    process.env["AWS_ENDPOINT_URL_S3"] = data.server.url;
    process.env["AWS_REGION"] = "us-east-1";
    try {
      await using s3 = data.open({ root: undefined } as object);
      assert.equal(s3.root, null);
      const url = `s3://${bucket}/any/key?with=query`;
      assert.equal((await s3.put(url, "x")).key, url);
      assert.equal(await (await s3.get(url)).text(), "x");
      assert.deepEqual(
        (await s3.listRecursive(`s3://${bucket}/any`).toArray()).map(({ key }) => key),
        [url],
      );
    } finally {
      delete process.env["AWS_ENDPOINT_URL_S3"];
      delete process.env["AWS_REGION"];
    }
  });

  test("of a run are in a folder of its own", async () => {
    await using data = await TestData.start();
    process.env["STEPWELL_DATA_ROOT"] = data.rootAt("store/data");
    try {
      await using s3 = data.open({ run: "TrainFlow/17" });
      assert.equal(s3.root, `s3://${bucket}/store/data/TrainFlow/17/`);
      await s3.put("model", "m");
      assert.equal(data.bytesAt("store/data/TrainFlow/17/model").toString(), "m");
    } finally {
      delete process.env["STEPWELL_DATA_ROOT"];
    }
  });
});
