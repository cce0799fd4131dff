// The S3 test server is as strict as it says. Its answers to the AWS SDK are held against published examples where there are any.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { IncomingMessage, request } from "node:http";
import { Socket } from "node:net";
import { Readable } from "node:stream";
import { after, before, describe, test } from "node:test";
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
  type PutObjectCommandInput,
  type S3ClientConfig,
} from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { checksumAlgorithms, startChecksum } from "./checksums.ts";
import { S3Server } from "./server.ts";
import { parseTarget, Signatures, testCredentials } from "../aws/signature.ts";

const Bucket = "test";
const bytes = Buffer.from("the bytes of an object");
let server: S3Server;
let client: S3Client;

function clientWith(config: S3ClientConfig = {}): S3Client {
  return new S3Client({
    endpoint: server.url,
    region: "eu-west-1",
    forcePathStyle: true,
    maxAttempts: 1,
    credentials: testCredentials,
    ...config,
  });
}

function put(Key: string, more: Partial<PutObjectCommandInput> = {}): Promise<unknown> {
  return client.send(new PutObjectCommand({ Bucket, Key, Body: bytes, ...more }));
}

async function isThere(Key: string): Promise<boolean> {
  return client.send(new HeadObjectCommand({ Bucket, Key })).then(
    () => true,
    () => false,
  );
}

before(async () => {
  server = await S3Server.start({ bucket: Bucket });
  client = clientWith();
});
after(async () => {
  client.destroy();
  await server.close();
});

describe("signatures", () => {
  const example = { accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY" };
  const nowMs = Date.UTC(2013, 4, 24);

  function verify(method: string, url: string, headers: Readonly<Record<string, string>>): void {
    const arrived = new IncomingMessage(new Socket());
    Object.assign(arrived, { method, url });
    Object.assign(arrived.headers, { host: "examplebucket.s3.amazonaws.com", ...headers });
    new Signatures({ services: ["s3"], dialect: "s3", find: () => example, now: () => nowMs }).verify(arrived, parseTarget(url));
  }

  test("are those of the examples in the documentation of AWS, in headers and in URLs", () => {
    const empty = createHash("sha256").digest("hex");
    const scope = "Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request";
    const signature = "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41";
    const headers = {
      range: "bytes=0-9",
      "x-amz-content-sha256": empty,
      "x-amz-date": "20130524T000000Z",
      authorization: `AWS4-HMAC-SHA256 ${scope},SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,Signature=${signature}`,
    };
    verify("GET", "/test.txt", headers);
    assert.throws(() => verify("GET", "/other.txt", headers), { code: "SignatureDoesNotMatch" });
    assert.throws(() => verify("GET", "/test.txt", { ...headers, range: "bytes=0-99" }), { code: "SignatureDoesNotMatch" });
    assert.throws(() => verify("GET", "/test.txt", { ...headers, "x-amz-acl": "public-read" }), { code: "AccessDenied" });
    const query =
      "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request" +
      "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host" +
      "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
    verify("GET", `/test.txt?${query}`, {});
    assert.throws(() => verify("GET", `/test.txt?${query.replace("86400", "86401")}`, {}), { code: "SignatureDoesNotMatch" });
  });

  test("are refused with an unknown key, another secret, none at all, and a clock that is wrong", async () => {
    for (const [credentials, name] of [
      [{ ...testCredentials, secretAccessKey: "other" }, "SignatureDoesNotMatch"],
      [{ ...testCredentials, accessKeyId: "AKIAOTHER" }, "InvalidAccessKeyId"],
    ] as const) {
      await assert.rejects(clientWith({ credentials }).send(new GetObjectCommand({ Bucket, Key: "a" })), { name });
    }
    assert.equal((await fetch(`${server.url}/${Bucket}/a`)).status, 403);
    const skewed = clientWith({ systemClockOffset: -20 * 60 * 1000 });
    await assert.rejects(skewed.send(new GetObjectCommand({ Bucket, Key: "a" })), { name: "RequestTimeTooSkewed" });
  });
});

describe("digests", () => {
  test("are computed as everybody does", () => {
    const known = { crc32: "cbf43926", crc32c: "e3069283", crc64nvme: "ae8b14860a799888" };
    for (const [algorithm, digest] of Object.entries(known) as [keyof typeof known, string][]) {
      const running = startChecksum(algorithm);
      running.update(Buffer.from("1234"));
      running.update(Buffer.from("56789"));
      assert.equal(running.digest().toString("hex"), digest, algorithm);
    }
  });

  test("of another body are refused, and nothing is stored; the right ones are told to who asks", async () => {
    const others = {
      ChecksumCRC32: "AAAAAA==",
      ChecksumCRC32C: "AAAAAA==",
      ChecksumCRC64NVME: "AAAAAAAAAAA=",
      ChecksumSHA1: createHash("sha1").digest("base64"),
      ChecksumSHA256: createHash("sha256").digest("base64"),
    };
    assert.equal(Object.keys(others).length, checksumAlgorithms.length);
    for (const [field, value] of Object.entries(others)) {
      await assert.rejects(put(field, { [field]: value }), { name: "BadDigest" }, field);
      assert.equal(await isThere(field), false);
    }
    await assert.rejects(put("md5", { ContentMD5: createHash("md5").digest("base64") }), { name: "BadDigest" });
    const ChecksumSHA256 = createHash("sha256").update(bytes).digest("base64");
    await put("right", { ChecksumSHA256 });
    const told = await client.send(new HeadObjectCommand({ Bucket, Key: "right", ChecksumMode: "ENABLED" }));
    assert.equal(told.ChecksumSHA256, ChecksumSHA256);
  });

  test("that follow a body are verified too", async () => {
    const body = Buffer.alloc(300_000, "trailer");
    await put("trailer", { Body: Readable.from([body.subarray(0, 1000), body.subarray(1000)]), ContentLength: body.length });
    const { Body } = await client.send(new GetObjectCommand({ Bucket, Key: "trailer" }));
    assert.deepEqual(Buffer.from((await Body?.transformToByteArray()) ?? []), body);
    server.faults.add({ fault: { kind: "flip", at: 100_000 }, methods: ["PUT"], times: 1 });
    const stream = { Body: Readable.from([body]), ContentLength: body.length };
    await assert.rejects(put("flipped", stream), { name: "BadDigest" });
    assert.equal(await isThere("flipped"), false);
  });

  test("are needed to delete many", async () => {
    const plain = clientWith();
    plain.middlewareStack.add(
      (next) => (sent) => {
        const { headers } = sent.request as { headers: Record<string, string> };
        for (const name of Object.keys(headers)) if (/^(x-amz-checksum|content-md5)/.test(name)) delete headers[name];
        return next(sent);
      },
      { step: "build", priority: "low" },
    );
    const command = new DeleteObjectsCommand({ Bucket, Delete: { Objects: [{ Key: "right" }] } });
    await assert.rejects(plain.send(command), { name: "InvalidRequest" });
  });
});

describe("objects", () => {
  test("of many writers that each want to be the first, one is", async () => {
    const results = await Promise.allSettled(Array.from({ length: 24 }, () => put("race", { IfNoneMatch: "*" })));
    const refused = results.filter((result) => result.status === "rejected").map(({ reason }) => (reason as Error).name);
    assert.deepEqual(
      refused,
      Array.from({ length: 23 }, () => "PreconditionFailed"),
    );
  });

  test("are refused before their body is sent, where the client waits for leave to send it", async () => {
    await put("taken");
    const command = new PutObjectCommand({ Bucket, Key: "taken", IfNoneMatch: "*" });
    const granted = await getSignedUrl(client, command, { unhoistableHeaders: new Set(["if-none-match"]) });
    const headers = { expect: "100-continue", "if-none-match": "*", "content-length": "1000000" };
    const sent = request(granted, { method: "PUT", headers });
    sent.on("continue", () => assert.fail("leave was given"));
    sent.flushHeaders();
    const [answer] = (await once(sent, "response")) as [IncomingMessage];
    assert.equal(answer.statusCode, 412);
    sent.destroy();
  });

  test("come in ranges, from either end, and not beyond", async () => {
    await put("ranges");
    const read = async (Range: string): Promise<string> =>
      (await (await client.send(new GetObjectCommand({ Bucket, Key: "ranges", Range }))).Body?.transformToString()) ?? "";
    assert.deepEqual(await Promise.all(["bytes=4-8", "bytes=-6", "bytes=4-"].map(read)), ["bytes", "object", bytes.toString().slice(4)]);
    await assert.rejects(read("bytes=999-"), { name: "InvalidRange" });
  });

  test("are listed page by page, in the order of their bytes", async () => {
    const keys = ["a/1", "a/2", "b", "c/x/1", "ü", "日"];
    await Promise.all(keys.map((key) => put(`list/${key}`)));
    const found: string[] = [];
    let ContinuationToken: string | undefined;
    do {
      const page = await client.send(new ListObjectsV2Command({ Bucket, Prefix: "list/", MaxKeys: 2, ContinuationToken }));
      found.push(...(page.Contents ?? []).map(({ Key = "" }) => Key));
      ContinuationToken = page.NextContinuationToken;
    } while (ContinuationToken !== undefined);
    assert.deepEqual(
      found,
      keys.map((key) => `list/${key}`),
    );
  });

  test("may come in parts, of which all but the last have 5 MiB at least", async () => {
    const Key = "parts";
    const upload = async (sizes: readonly number[]): Promise<unknown> => {
      const { UploadId } = await client.send(new CreateMultipartUploadCommand({ Bucket, Key }));
      const Parts = await Promise.all(
        sizes.map(async (size, at) => {
          const part = { Bucket, Key, UploadId, PartNumber: at + 1, Body: Buffer.alloc(size, `${at}`) };
          const { ETag } = await client.send(new UploadPartCommand(part));
          return { PartNumber: at + 1, ETag };
        }),
      );
      try {
        return await client.send(new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts } }));
      } catch (error) {
        await client.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId }));
        throw error;
      }
    };
    await assert.rejects(upload([1000, 1000]), { name: "EntityTooSmall" });
    assert.equal(await isThere(Key), false);
    await upload([5 * 1024 * 1024, 1000]);
    const { ContentLength } = await client.send(new HeadObjectCommand({ Bucket, Key }));
    assert.equal(ContentLength, 5 * 1024 * 1024 + 1000);
  });
});
