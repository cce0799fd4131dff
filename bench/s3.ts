// Measures artifacts in S3 against the test server: requests for many small ones, and the rate of large ones beside the bare SDK's.

import { S3Client, GetObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { parseS3Place } from "../sdk/artifact/s3/place.ts";
import { S3ArtifactStore } from "../sdk/artifact/s3/s3-store.ts";
import { keepArtifacts } from "../sdk/artifact/keep.ts";
import { readArtifact } from "../sdk/artifact/read.ts";
import { S3Process } from "../test/s3-server/process.ts";
import { testCredentials } from "../test/aws/signature.ts";
import { atLeast, atMost, median, noted, quick } from "./figure.ts";

const bucket = "bench";
const slots = 8;
const artifactsPerTask = 10;
const tasks = quick ? 100 : 1000;
const largeMiB = quick ? 32 : 256;
const rounds = quick ? 1 : 5;
/** The bare SDK sends as many at a time, of the same length. */
const pieceBytes = 16 * 1024 * 1024;
const ahead = 4;

process.env["AWS_ACCESS_KEY_ID"] = testCredentials.accessKeyId;
process.env["AWS_SECRET_ACCESS_KEY"] = testCredentials.secretAccessKey;

const server = await S3Process.start({ bucket });
const store = await S3ArtifactStore.open(parseS3Place(`s3://${bucket}/bench?endpoint=${server.url}`));
const bare = new S3Client({ endpoint: server.url, region: "us-east-1", forcePathStyle: true });
try {
  await benchSmall();
  await benchLarge();
} finally {
  store.close();
  bare.destroy();
  await server.close();
}

async function benchSmall(): Promise<void> {
  const before = (await server.counts()).requests;
  const started = performance.now();
  await together(slots, tasks, async (task) => {
    const values = Array.from({ length: artifactsPerTask }, (_, at): [string, unknown] => [
      `a${at}`,
      `${task}.${at} `.padEnd(2000, "small"),
    ]);
    const kept = await keepArtifacts(new Map(values), store);
    // One of them is read by the task after it.
    const [first] = Object.values(kept);
    if (first === undefined) throw new Error("nothing was kept");
    if (task % 10 === 0) await readArtifact(first, store);
  });
  const seconds = (performance.now() - started) / 1000;
  const requests = (await server.counts()).requests - before;
  atMost(1, {
    figure: "S3: 10,000 small artifacts from 8 slots, requests for each task",
    value: requests / tasks,
    unit: "requests",
    limit: 1.2,
    timed: false,
  });
  noted("S3: 10,000 small artifacts from 8 slots", (tasks * artifactsPerTask) / seconds, "artifacts/s");
}

async function benchLarge(): Promise<void> {
  const [bareWrites, writes, bareReads, reads] = [[], [], [], []] as [number[], number[], number[], number[]];
  for (let round = 0; round < rounds; round += 1) {
    const bytes = Buffer.alloc(largeMiB * 1024 * 1024);
    // Each round has blobs of its own, and none of a round's pieces is another's.
    for (let at = 0; at < bytes.length; at += 4096) bytes.writeUInt32LE(round * 2 ** 24 + at / 4096, at);
    const keys = Array.from({ length: bytes.length / pieceBytes }, (_, at) => `bare/${round}/${at}`);
    bareWrites.push(await rateOf(() => bareWrite(keys, bytes)));
    let name: Awaited<ReturnType<typeof store.put>> | undefined;
    writes.push(await rateOf(async () => void (name = await store.put(bytes))));
    const stored = name;
    if (stored === undefined) throw new Error("the blob was not written");
    bareReads.push(await rateOf(() => bareRead(keys)));
    reads.push(await rateOf(async () => void (await store.get(stored))));
  }
  const limitName = "the bare SDK";
  atLeast(0.7, { figure: `S3: ${largeMiB} MiB, written`, value: median(writes), unit: "MiB/s", limit: median(bareWrites), limitName });
  atLeast(0.7, { figure: `S3: ${largeMiB} MiB, read`, value: median(reads), unit: "MiB/s", limit: median(bareReads), limitName });
}

async function bareWrite(keys: readonly string[], bytes: Buffer): Promise<void> {
  await together(ahead, keys.length, async (at) => {
    const Body = bytes.subarray(at * pieceBytes, (at + 1) * pieceBytes);
    await bare.send(new PutObjectCommand({ Bucket: bucket, Key: keys[at], Body }));
  });
}

async function bareRead(keys: readonly string[]): Promise<void> {
  await together(ahead, keys.length, async (at) => {
    const { Body } = await bare.send(new GetObjectCommand({ Bucket: bucket, Key: keys[at] }));
    await Body?.transformToByteArray();
  });
}

async function rateOf(work: () => Promise<void>): Promise<number> {
  const started = performance.now();
  await work();
  return largeMiB / ((performance.now() - started) / 1000);
}

/** `count` works, `slotsMax` at a time. */
async function together(slotsMax: number, count: number, work: (at: number) => Promise<void>): Promise<void> {
  let next = 0;
  const slot = async (): Promise<void> => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: slotsMax }, slot));
}
