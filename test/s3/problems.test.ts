// What a person reads when a bucket cannot be used: what was wrong, where, and what to do. Nothing of it is tried for long.

import assert from "node:assert/strict";
import { createServer } from "node:net";
import { once } from "node:events";
import { afterEach, describe, test } from "node:test";
import { identify } from "../../sdk/artifact/codec.ts";
import { ArtifactStoreError } from "../../sdk/artifact/store.ts";
import { dataRootOf, parseS3Place, type S3Place } from "../../sdk/artifact/s3/place.ts";
import { S3ArtifactStore } from "../../sdk/artifact/s3/s3-store.ts";
import { countedPacing, placeAt, TestStores, useTestCredentials } from "./fixture.ts";

const blob = Buffer.from("a blob");

afterEach(() => useTestCredentials());

async function storeAt(place: S3Place): Promise<S3ArtifactStore> {
  return S3ArtifactStore.open(place, { pacing: countedPacing(), timeouts: { connectMs: 1000, idleMs: 1000 } });
}

/** Every way to use the bucket fails with the same message. */
async function failsWith(store: S3ArtifactStore, problem: string, message: RegExp): Promise<void> {
  const ways = { put: () => store.put(blob), check: () => store.check() };
  for (const [way, use] of Object.entries(ways)) {
    await assert.rejects(use(), (error) => {
      assert.ok(error instanceof ArtifactStoreError, `${way}: ${String(error)}`);
      assert.equal(error.problem, problem, `${way}: ${error.message}`);
      assert.match(error.message, message, way);
      assert.doesNotMatch(error.message, /testsecret|AKIATEST/, way);
      return true;
    });
  }
  store.close();
}

describe("a bucket that cannot be used", () => {
  test("is not there", async () => {
    await using stores = await TestStores.open();
    const place = { ...placeAt(stores.server.url), bucket: "nobodys-bucket" };
    await failsWith(
      await storeAt(place),
      "denied",
      /s3:\/\/nobodys-bucket\/some\/prefix at http.*404 NoSuchBucket.*make the bucket, or correct its name/,
    );
    assert.equal(stores.waits.length, 0);
  });

  test("does not know the key, or the secret is another", async () => {
    await using stores = await TestStores.open();
    for (const [credentials, code] of [
      [{ accessKeyId: "AKIANOBODY", secretAccessKey: "testsecret" }, "InvalidAccessKeyId"],
      [{ accessKeyId: "AKIATEST", secretAccessKey: "other" }, "SignatureDoesNotMatch"],
    ] as const) {
      useTestCredentials(credentials);
      const message = new RegExp(`403 ${code}.*correct the credentials \\(AWS_ACCESS_KEY_ID, profile, role\\)`);
      await failsWith(await storeAt(placeAt(stores.server.url)), "denied", message);
    }
  });

  test("needs credentials where there are none", async () => {
    await using stores = await TestStores.open();
    const before = { ...process.env };
    delete process.env["AWS_ACCESS_KEY_ID"];
    delete process.env["AWS_SECRET_ACCESS_KEY"];
    Object.assign(process.env, {
      AWS_EC2_METADATA_DISABLED: "true",
      AWS_CONFIG_FILE: "/nonexistent",
      AWS_SHARED_CREDENTIALS_FILE: "/nonexistent",
    });
    try {
      await failsWith(await storeAt(placeAt(stores.server.url)), "denied", /give credentials: AWS_ACCESS_KEY_ID/);
    } finally {
      process.env = before;
    }
  });

  test("allows nothing", async () => {
    await using stores = await TestStores.open();
    stores.server.faults.add({ fault: { kind: "error", status: 403, code: "AccessDenied" } });
    await failsWith(
      await storeAt(placeAt(stores.server.url)),
      "denied",
      /403 AccessDenied.*allow these credentials s3:GetObject and s3:PutObject/,
    );
    await assert.rejects(stores.store.get(identify([blob])), { problem: "denied", message: /could not be read.*403 AccessDenied/ });
    await assert.rejects(stores.store.has(identify([blob])), { problem: "denied" });
  });

  test("is at an address where nobody listens", async () => {
    const nobody = createServer();
    nobody.listen(0, "127.0.0.1");
    await once(nobody, "listening");
    const address = nobody.address();
    assert.ok(typeof address === "object" && address !== null);
    nobody.close();
    const place = placeAt(`http://127.0.0.1:${address.port}`);
    useTestCredentials();
    await failsWith(await storeAt(place), "unreachable", /at http:\/\/127\.0\.0\.1:\d+\).*ECONNREFUSED.*see that the endpoint is right/);
  });

  test("has an endpoint without an address, or no region is known", async () => {
    useTestCredentials();
    await failsWith(await storeAt(placeAt("http://no-such-host.invalid:1")), "unreachable", /ENOTFOUND|EAI_AGAIN/);
    delete process.env["AWS_REGION"];
    const before = process.env["AWS_CONFIG_FILE"];
    process.env["AWS_CONFIG_FILE"] = "/nonexistent";
    try {
      await failsWith(
        await storeAt(parseS3Place("s3://some-bucket")),
        "denied",
        /no region is set; name the bucket's own region \(AWS_REGION/,
      );
    } finally {
      if (before === undefined) delete process.env["AWS_CONFIG_FILE"];
      else process.env["AWS_CONFIG_FILE"] = before;
    }
  });
});

test("a clock that is wrong does no harm: the server's time is taken from its refusal", async () => {
  await using stores = await TestStores.open({}, { now: () => Date.now() + 3_600_000 });
  const sha256 = await stores.store.put(blob);
  assert.deepEqual(Buffer.from(await stores.store.get(sha256)), blob);
});

test("who may not list a bucket is denied what isn't there, and can still write and read blobs of every size", async () => {
  const pieceBytes = 300_000;
  await using stores = await TestStores.open({ pieceBytes });
  const large = Buffer.alloc(400_000, "large");
  // What AWS answers then, instead of 404.
  const deniesMissing = (): void =>
    stores.server.faults.add({ fault: { kind: "error", status: 403, code: "AccessDenied" }, methods: ["HEAD"] });
  deniesMissing();
  const names = [await stores.store.put(blob), await stores.store.put(large), await stores.store.put(large)] as const;
  stores.server.faults.add({ fault: { kind: "error", status: 403, code: "AccessDenied" }, methods: ["GET"], matches: `${names[1]}$` });
  assert.deepEqual(Buffer.from(await stores.store.get(names[0])), blob);
  assert.deepEqual(Buffer.from(await stores.store.get(names[1])), large);
});

test("what is merely old stays where a bucket forbids to replace anything", async () => {
  await using stores = await TestStores.open();
  const bytes = Buffer.alloc(300_000, "old");
  const sha256 = await stores.store.put(bytes);
  const { objects } = stores.server.bucket("test");
  for (const [key, object] of objects) objects.set(key, { ...object, modifiedAtMs: 0 });
  stores.server.faults.add({ fault: { kind: "error", status: 403, code: "AccessDenied" }, methods: ["PUT"] });
  assert.equal(await stores.store.put(bytes), sha256);
});

describe("the address of a bucket", () => {
  test("says bucket, prefix, and what the SDK should not look for itself", () => {
    assert.deepEqual(parseS3Place("s3://my-bucket"), { bucket: "my-bucket", prefix: "", region: null, endpoint: null, pathStyle: false });
    assert.deepEqual(parseS3Place("s3://my.bucket/a/b/?region=eu-west-1"), {
      bucket: "my.bucket",
      prefix: "a/b",
      region: "eu-west-1",
      endpoint: null,
      pathStyle: false,
    });
    const own = parseS3Place("s3://b23/p?endpoint=http://10.0.0.1:7480");
    assert.deepEqual([own.endpoint, own.pathStyle], ["http://10.0.0.1:7480", true]);
    assert.equal(parseS3Place("s3://b23?endpoint=https://s3.example.com&path-style=false").pathStyle, false);
  });

  test("names a folder for data, which is in the same place", () => {
    for (const address of [
      "s3://my-bucket",
      "s3://my-bucket/a/b?region=eu-west-1",
      "s3://b23/p?endpoint=http://10.0.0.1:7480",
      "s3://b23?endpoint=https://s3.example.com&path-style=false",
    ]) {
      const place = parseS3Place(address);
      const prefix = place.prefix === "" ? "data" : `${place.prefix}/data`;
      assert.deepEqual(parseS3Place(dataRootOf(place)), { ...place, prefix });
    }
    assert.equal(dataRootOf(parseS3Place("s3://my-bucket/team")), "s3://my-bucket/team/data");
  });

  test("is refused with how it should look", () => {
    for (const [address, message] of [
      ["s3://", /"s3:\/\/" is not the address of a bucket: s3:\/\/BUCKET\/PREFIX/],
      ["s3://Upper/x", /is not the address of a bucket/],
      ["https://b/x", /is not the address of a bucket/],
      ["s3://bucket?regoin=x", /no option regoin; there are region, endpoint, path-style/],
      ["s3://bucket?endpoint=storage", /the endpoint must be the URL of a server/],
    ] as const) {
      assert.throws(() => parseS3Place(address), { message });
    }
  });
});
