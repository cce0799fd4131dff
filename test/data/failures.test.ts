import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { afterEach, describe, test } from "node:test";
import { S3Error } from "../../sdk/s3/s3-error.ts";
import type { S3Options } from "../../sdk/s3/s3.ts";
import { bucket, useTestCredentials } from "../s3/fixture.ts";
import { partBytes, pattern, TestData } from "./fixture.ts";

afterEach(() => useTestCredentials());

type Way = (s3: ReturnType<TestData["open"]>) => Promise<unknown>;

const ways: Readonly<Record<string, Way>> = {
  get: (s3) => s3.get("some/key"),
  getMany: (s3) => s3.getMany(["some/key"]).toArray(),
  stream: (s3) => Array.fromAsync(s3.stream("some/key")),
  info: (s3) => s3.info("some/key"),
  put: (s3) => s3.put("some/key", "x"),
  putLarge: (s3) => s3.put("some/key", pattern(2 * partBytes)),
  list: (s3) => s3.list("some/key").toArray(),
};

/** These ways to use an S3 fail so. */
async function failsWith(
  data: TestData,
  names: readonly string[],
  expected: { readonly problem: string; readonly message: RegExp; readonly options?: S3Options },
): Promise<void> {
  for (const name of names) {
    await using s3 = data.open(expected.options);
    await assert.rejects(ways[name]?.(s3) ?? Promise.resolve(), (error) => {
      assert.ok(error instanceof S3Error, `${name}: ${String(error)}`);
      assert.equal(error.problem, expected.problem, `${name}: ${error.message}`);
      assert.match(error.message, expected.message, name);
      assert.doesNotMatch(error.message, /testsecret|AKIATEST/);
      return true;
    });
    assert.deepEqual(
      data.files.filter((file) => file.includes("/")),
      [],
      name,
    );
  }
}

const all = Object.keys(ways);

describe("what cannot be had says which object, why, and what to do", () => {
  test("no such key", async () => {
    await using data = await TestData.start();
    const message = /^there is no s3:\/\/test\/root\/some\/key; correct the key, or pass \{ allowMissing: true \}/;
    await failsWith(data, ["get", "getMany", "stream", "info"], { problem: "missing", message });
  });

  test("no such bucket, also where only the object could be told missing", async () => {
    await using data = await TestData.start();
    const options = { root: data.rootAt("root").replace("s3://test", "s3://nobodys") };
    const message = /s3:\/\/nobodys\/root\/some\/key\/? could not be .*NoSuchBucket.*make the bucket, or correct its name/;
    await failsWith(data, all, { problem: "noBucket", message, options });
    await using s3 = data.open(options);
    await assert.rejects(s3.info("some/key", { allowMissing: true }), { problem: "noBucket" });
  });

  test("no right to it", async () => {
    await using data = await TestData.start();
    data.server.faults.add({ fault: { kind: "error", status: 403, code: "AccessDenied" } });
    const message =
      /s3:\/\/test\/root\/some\/key\/? could not be (read|written|looked at|listed): 403 .*allow these credentials s3:GetObject to read/;
    await failsWith(data, all, { problem: "denied", message });
    assert.deepEqual(data.waits, []);
  });

  test("no credentials, or wrong ones", async () => {
    await using data = await TestData.start();
    useTestCredentials({ accessKeyId: "AKIATEST", secretAccessKey: "other" });
    await failsWith(data, ["get", "put", "list"], { problem: "credentials", message: /SignatureDoesNotMatch.*correct the credentials/ });
    const before = { ...process.env };
    delete process.env["AWS_ACCESS_KEY_ID"];
    delete process.env["AWS_SECRET_ACCESS_KEY"];
    Object.assign(process.env, {
      AWS_EC2_METADATA_DISABLED: "true",
      AWS_CONFIG_FILE: "/nonexistent",
      AWS_SHARED_CREDENTIALS_FILE: "/nonexistent",
    });
    try {
      await failsWith(data, all, { problem: "credentials", message: /give credentials: AWS_ACCESS_KEY_ID/ });
    } finally {
      process.env = before;
    }
  });

  test("nobody at the endpoint: it is tried for a minute", async () => {
    await using data = await TestData.start();
    const options = { root: `s3://${bucket}/root?endpoint=http://127.0.0.1:1` };
    const message = /ECONNREFUSED 127\.0\.0\.1:1; see that the endpoint is right/;
    await failsWith(data, ["get"], { problem: "unreachable", message, options });
    const waited = data.waits.reduce((sum, ms) => sum + ms, 0);
    assert.ok(waited > 40_000 && waited <= 60_000, String(waited));
  });

  test("no such part", async () => {
    await using data = await TestData.start();
    await using s3 = data.open();
    await s3.put("short", "four");
    const range = { offset: 4 };
    const message = /s3:\/\/test\/root\/short has no byte at 4: it is shorter/;
    await assert.rejects(s3.get({ key: "short", range }), { name: "S3Error", problem: "range", message });
    await assert.rejects(Array.fromAsync(s3.stream({ key: "short", range })), { problem: "range", message });
    for (const wrong of [{ offset: -1 }, { offset: 0.5 }, { offset: 0, length: 0 }, { offset: 0, length: -2 }]) {
      await assert.rejects(s3.get({ key: "short", range: wrong }), { problem: "range", message: /is no range; give whole bytes/ });
    }
  });

  test("a root, run or key that can be none", async () => {
    await using data = await TestData.start();
    delete process.env["STEPWELL_DATA_ROOT"];
    for (const [options, message] of [
      [{ root: "https://x/y" }, /the root: "https:\/\/x\/y" is not the address of a bucket/],
      [{ root: "s3://abc", run: "A/1" }, /either a root or a run, not both/],
      [{ run: "TrainFlow/1" }, /run TrainFlow\/1 has no folder in S3.*STEPWELL_DATA_ROOT=s3:\/\/BUCKET\/PREFIX, or use openS3\(\{ root/],
    ] as const) {
      assert.throws(() => data.open(options), { name: "S3Error", problem: "address", message });
    }
    process.env["STEPWELL_DATA_ROOT"] = data.rootAt("data");
    assert.throws(() => data.open({ run: "17" }), { problem: "address", message: /"17" is not a run/ });
    delete process.env["STEPWELL_DATA_ROOT"];
    await using s3 = data.open();
    for (const [key, message] of [
      ["", /"" is no key: name an object below s3:\/\/test\/root/],
      ["/a", /"\/a" is no key/],
      ["a/", /"a\/" is no key/],
      ["s3://test/a", /is a URL, and keys are relative to s3:\/\/test\/root/],
      ["x".repeat(1020), /has more than 1024 bytes/],
    ] as const) {
      await assert.rejects(s3.get(key), { problem: "address", message }, key);
      await assert.rejects(s3.put(key, "x"), { problem: "address", message }, key);
    }
    await assert.rejects(s3.list("/a").toArray(), { problem: "address", message: /is no folder/ });
    await using urls = data.open({ root: undefined } as object);
    await assert.rejects(urls.get("a/b"), {
      problem: "address",
      message: /is no URL of an object: name it s3:\/\/BUCKET\/KEY, or give openS3 a root/,
    });
    assert.equal(data.server.requests.length, 0);
  });

  test("an object that somebody writes while it is read", async () => {
    await using data = await TestData.start();
    await using s3 = data.open();
    await s3.put("moving", pattern(2 * partBytes));
    data.server.faults.add({ fault: { kind: "truncate", afterBytes: 1000 }, methods: ["GET"], times: 1 });
    const pieces = s3.stream("moving")[Symbol.asyncIterator]();
    await pieces.next();
    await s3.put("moving", pattern(2 * partBytes + 1));
    const rest = async (): Promise<void> => {
      while ((await pieces.next()).done !== true);
    };
    await assert.rejects(rest(), { problem: "changed", message: /was written again while it was read.*read it once more/ });
  });
});

describe("what may work later is tried again", () => {
  test("answers that say so, connections that break, and answers that are lost", async () => {
    await using data = await TestData.start({ seed: 7 });
    await using s3 = data.open();
    const faults = [
      { kind: "error", status: 503, code: "SlowDown" },
      { kind: "errorAfter", status: 500, code: "InternalError" },
      { kind: "reset" },
      { kind: "dropAfter" },
    ] as const;
    for (const fault of faults) data.server.faults.add({ fault, share: 0.15 });
    const bytes = pattern(3 * partBytes);
    const keys = Array.from({ length: 40 }, (_, at) => `key/${at}`);
    await s3.putMany([...keys.map((key) => ({ key, value: key })), { key: "large", value: bytes }]);
    const texts = await s3.getMany(keys).toArray();
    assert.deepEqual(await Promise.all(texts.map((file) => file.text())), keys);
    assert.ok(bytes.equals(await (await s3.get("large")).bytes()));
    assert.equal((await s3.listRecursive().toArray()).length, 41);
    assert.ok(data.waits.length > 20);
  });

  test("a body that breaks goes on where it stopped", async () => {
    await using data = await TestData.start();
    await using s3 = data.open();
    const bytes = pattern(2 * partBytes);
    await s3.put("broken", bytes);
    data.server.faults.add({ fault: { kind: "truncate", afterBytes: 300_000 }, methods: ["GET"], times: 4 });
    const before = data.server.requests.length;
    assert.ok(bytes.equals(await (await s3.get("broken")).bytes()));
    const ranges = data.server.requests.slice(before).map((line) => line.split(" ")[2] ?? "all");
    assert.ok(ranges.length === 6, ranges.join());
    assert.ok(!ranges.slice(2).includes("all"), ranges.join());
  });

  test("what this S3 wrote itself is not taken for somebody else's when its answer was lost", async () => {
    await using data = await TestData.start();
    await using s3 = data.open();
    data.server.faults.add({ fault: { kind: "dropAfter" }, methods: ["PUT"], times: 1 });
    assert.equal((await s3.put("mine", "mine", { overwrite: false })).written, true);
    data.server.faults.add({ fault: { kind: "dropAfter" }, methods: ["POST"], skip: 1, times: 1 });
    assert.equal((await s3.put("large", pattern(2 * partBytes), { overwrite: false })).written, true);
    assert.equal((await s3.put("large", pattern(2 * partBytes), { overwrite: false })).written, false);
  });

  test("bytes that came wrong are fetched again, and never given where their checksum is known", async () => {
    await using data = await TestData.start();
    await using s3 = data.open();
    await s3.put("flipped", pattern(10_000));
    data.server.faults.add({ fault: { kind: "flip", at: 5000 }, methods: ["GET"], times: 1 });
    assert.ok(pattern(10_000).equals(await (await s3.get("flipped")).bytes()));
    data.server.faults.add({ fault: { kind: "flip", at: 5000 }, methods: ["GET"] });
    await assert.rejects(s3.get("flipped"), {
      problem: "unreachable",
      message: /flipped could not be read: Checksum mismatch.*bytes change on their way/,
    });
    data.server.faults.clear();
    data.server.faults.add({ fault: { kind: "flip", at: 5000 }, methods: ["PUT"], times: 1 });
    await s3.put("flipped", pattern(10_000));
    assert.ok(pattern(10_000).equals(data.bytesAt("root/flipped")));
  });
});

describe("what is left behind", () => {
  test("is nothing, once it is closed: no file and no parts of what failed", async () => {
    await using data = await TestData.start();
    {
      await using s3 = data.open();
      await s3.putMany([
        { key: "a", value: "a" },
        { key: "b", value: pattern(2 * partBytes) },
      ]);
      const files = await s3.getRecursive().toArray();
      assert.ok(files.every(({ path }) => existsSync(path)));
      data.server.faults.add({ fault: { kind: "error", status: 403, code: "AccessDenied" }, methods: ["PUT"], matches: "c", skip: 1 });
      await assert.rejects(s3.put("c", pattern(3 * partBytes)), { problem: "denied" });
      assert.equal(data.server.bucket(bucket).uploads.size, 0);
    }
    assert.deepEqual(data.files, []);
  });

  test("a reader that leaves, or one object that fails, ends the others", async () => {
    await using data = await TestData.start();
    await using s3 = data.open({ parallel: 4 });
    await s3.putMany(Array.from({ length: 20 }, (_, at) => ({ key: `${at}`, value: "x" })));
    data.server.faults.add({ fault: { kind: "hang" }, methods: ["GET"], matches: "/[1-9]" });
    for await (const file of s3.getMany(Array.from({ length: 20 }, (_, at) => `${at}`))) {
      assert.equal(file.key, "0");
      break;
    }
    await assert.rejects(s3.getMany(["1", "2", "nothing", "3"]).toArray(), { problem: "missing" });
  });

  test("a close, or a signal, ends what is under way and what comes after", async () => {
    await using data = await TestData.start();
    const controller = new AbortController();
    const s3 = data.open({ signal: controller.signal });
    await s3.put("a", "a");
    data.server.faults.add({ fault: { kind: "hang" } });
    const hanging = [s3.get("a"), s3.info("a"), s3.put("b", "b"), s3.listRecursive().toArray(), s3.getMany(["a"]).toArray()];
    const reason = new Error("enough");
    setImmediate(() => controller.abort(reason));
    for (const result of await Promise.allSettled(hanging)) assert.equal(result.status === "rejected" && result.reason, reason);
    await assert.rejects(s3.get("a"), reason);
    await s3.close();
    const other = data.open();
    const got = assert.rejects(other.get("a"), { name: "S3Error", problem: "closed" });
    await other.close();
    await got;
    await assert.rejects(other.put("a", "x"), { problem: "closed", message: /is closed: use it before its block ends/ });
    assert.deepEqual(data.files, []);
  });
});
