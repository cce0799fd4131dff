// Measures `stepwell/s3` beside the bare SDK, at the same server, in turns: many small objects and a few large ones, into and
// out of files.

import { createWriteStream, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { openS3 } from "../sdk/s3/index.ts";
import { S3Process } from "../test/s3-server/process.ts";
import { testCredentials } from "../test/aws/signature.ts";
import { atLeast, median, noted, quick } from "./figure.ts";

const bucket = "bench";
const small = { count: quick ? 100 : 1000, bytes: 2000 };
const large = { count: 3, bytes: (quick ? 8 : 64) * 1024 * 1024 };
const partBytes = 16 * 1024 * 1024;
const rounds = quick ? 1 : 5;
/** For both. */
const parallel = 32;

process.env["AWS_ACCESS_KEY_ID"] = testCredentials.accessKeyId;
process.env["AWS_SECRET_ACCESS_KEY"] = testCredentials.secretAccessKey;

const folder = mkdtempSync(join(tmpdir(), "stepwell-bench-"));
const server = await S3Process.start({ bucket });
const requestHandler = { httpAgent: { keepAlive: true, maxSockets: 64 } };
const bare = new S3Client({ endpoint: server.url, region: "us-east-1", forcePathStyle: true, requestHandler });
try {
  await compare("small", small, { unit: "objects/s", amount: small.count });
  await compare("large", large, { unit: "MiB/s", amount: (large.count * large.bytes) / 1024 ** 2 });
} finally {
  bare.destroy();
  await server.close();
  rmSync(folder, { recursive: true });
}

type Sizes = { readonly count: number; readonly bytes: number };

/** `amount` is what is written, or read, in all. */
async function compare(
  name: string,
  { count, bytes }: Sizes,
  { unit, amount }: { readonly unit: string; readonly amount: number },
): Promise<void> {
  const keys = Array.from({ length: count }, (_, at) => `${name}/${at}`);
  const files = keys.map((key) => ({ key, path: join(folder, key.replace("/", "-")) }));
  for (const [at, { path }] of files.entries()) writeFileSync(path, Buffer.alloc(bytes, `${at} `));
  const measured = { written: [], read: [], bareWritten: [], bareRead: [] } as Record<string, number[]>;
  const rate = async (figure: string, work: () => Promise<unknown>): Promise<void> => {
    const started = performance.now();
    await work();
    measured[figure]?.push(amount / ((performance.now() - started) / 1000));
  };
  for (let round = 0; round < rounds; round += 1) {
    await rate("bareWritten", () => together(files, ({ key, path }) => bareWrite(`bare/${key}`, path)));
    const s3 = openS3({ root: `s3://${bucket}/ours?endpoint=${server.url}`, parallel, tempDir: folder });
    await rate("written", () => s3.putFiles(files));
    await rate("bareRead", () => together(files, ({ key }) => bareRead(`bare/${key}`)));
    await rate("read", () => s3.getMany(keys).toArray());
    await s3.close();
  }
  const value = (figure: string): number => median(measured[figure] ?? []);
  const what = `data in S3: ${count} objects of ${bytes >= 1024 ** 2 ? `${bytes / 1024 ** 2} MiB` : `${bytes} bytes`}`;
  atLeast(0.7, { figure: `${what}, written`, value: value("written"), unit, limit: value("bareWritten"), limitName: "the bare SDK" });
  atLeast(0.7, { figure: `${what}, read`, value: value("read"), unit, limit: value("bareRead"), limitName: "the bare SDK" });
  noted("  memory of the process", process.memoryUsage.rss() / 1024 ** 2, "MiB");
}

/** What is large goes in parts, as the SDK's users send it, so that the server has the same to do. */
async function bareWrite(Key: string, path: string): Promise<void> {
  const bytes = readFileSync(path);
  const at = { Bucket: bucket, Key };
  if (bytes.length <= partBytes) return void (await bare.send(new PutObjectCommand({ ...at, Body: bytes })));
  const { UploadId } = await bare.send(new CreateMultipartUploadCommand(at));
  const sending = Array.from({ length: Math.ceil(bytes.length / partBytes) }, async (_, index) => {
    const Body = bytes.subarray(index * partBytes, (index + 1) * partBytes);
    const { ETag } = await bare.send(new UploadPartCommand({ ...at, UploadId, PartNumber: index + 1, Body }));
    return { ETag, PartNumber: index + 1 };
  });
  const Parts = await Promise.all(sending);
  await bare.send(new CompleteMultipartUploadCommand({ ...at, UploadId, MultipartUpload: { Parts } }));
}

/** As one would write it: to memory when small, else straight into the file. */
async function bareRead(Key: string): Promise<void> {
  const { Body, ContentLength = 0 } = await bare.send(new GetObjectCommand({ Bucket: bucket, Key }));
  const path = join(folder, Key.replaceAll("/", "-"));
  if (ContentLength <= 1024 * 1024) await writeFile(path, (await Body?.transformToByteArray()) ?? "");
  else await pipeline(Body as Readable, createWriteStream(path));
}

async function together<Item>(items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let item = items[next++]; item !== undefined; item = items[next++]) await work(item);
  };
  await Promise.all(Array.from({ length: parallel }, lane));
}
