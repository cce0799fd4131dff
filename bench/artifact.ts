// Measures artifacts: large arrays against hashing and moving the same bytes, small values against nothing, and repeats.

import { createHash } from "node:crypto";
import { closeSync, fsyncSync, mkdtempSync, openSync, readSync, rmSync, statSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { atMost, quick } from "./figure.ts";
import { artifact, type ArtifactFile } from "../sdk/artifact/file.ts";
import { FileArtifactStore } from "../sdk/artifact/file-store.ts";
import { keepArtifacts, keepElements } from "../sdk/artifact/keep.ts";
import { MemoryArtifactStore } from "../sdk/artifact/memory-store.ts";
import { readArtifactSync, readElementSync } from "../sdk/artifact/read.ts";
import { elementAt } from "../proto/artifact.ts";

const gigabyte = quick ? 2 ** 25 : 2 ** 30;
const fileBytes = 4 * gigabyte;
const pieceBytes = 1024 * 1024;
const folder = mkdtempSync(join(process.env.BENCH_FOLDER ?? tmpdir(), "stepwell-bench-"));

try {
  // First, because it reads the most memory that this process has ever had.
  await benchFile();
  await benchLarge();
  await benchSmall();
  await benchForeach();
} finally {
  rmSync(folder, { recursive: true });
}

async function benchFile(): Promise<void> {
  const path = join(folder, "model.bin");
  const piece = Buffer.alloc(pieceBytes);
  const made = openSync(path, "w");
  for (let index = 0; index < fileBytes / pieceBytes; index += 1) {
    piece.writeUInt32LE(index);
    writeSync(made, piece);
  }
  closeSync(made);
  const store = new FileArtifactStore(join(folder, "store"));
  const { model } = await keepArtifacts(new Map([["model", artifact.file(path)]]), store);
  if (model === undefined) throw new Error("the file was not kept");
  const file = readArtifactSync(model, store, { filesFolder: () => folder }) as ArtifactFile;
  let streamed = 0;
  for await (const read of file.stream()) streamed += read.length;
  const copied = statSync(file.path()).size;
  if (streamed !== fileBytes || copied !== fileBytes) throw new Error("the file did not come back whole");
  const peakMiB = process.resourceUsage().maxRSS / 1024;
  atMost(1, { figure: "4 GiB file: keep, stream and copy, memory", value: peakMiB, unit: "MiB", limit: 256, timed: false });
  rmSync(path);
  rmSync(dirname(file.path()), { recursive: true });
}

async function benchLarge(): Promise<void> {
  const array = new Float64Array(gigabyte / 8).map((_, index) => index / 3);
  const bytes = new Uint8Array(array.buffer);
  const path = join(folder, "raw");
  const writeSynced = seconds(() => {
    createHash("sha256").update(bytes).digest();
    writeRaw(path, bytes, "synced");
  });
  rmSync(path);
  const write = seconds(() => {
    createHash("sha256").update(bytes).digest();
    writeRaw(path, bytes, "unsynced");
  });
  const read = seconds(() => createHash("sha256").update(readRaw(path, bytes.length)).digest());
  rmSync(path);

  const store = new FileArtifactStore(join(folder, "store"));
  const values = new Map([["array", array]]);
  const started = performance.now();
  const { array: ref } = await keepArtifacts(values, store);
  const keep = (performance.now() - started) / 1000;
  if (ref === undefined) throw new Error("the array was not kept");
  const readBack = seconds(() => readArtifactSync(ref, store));
  const againStarted = performance.now();
  await keepArtifacts(values, store);
  const keepAgain = (performance.now() - againStarted) / 1000;

  const synced = { unit: "s", limit: writeSynced, limitName: "sha256, write, fsync" };
  atMost(2, { figure: "1 GiB Float64Array: keep", value: keep, ...synced });
  atMost(2, { figure: "1 GiB Float64Array: keep, without the disk", value: keep, unit: "s", limit: write, limitName: "sha256, write" });
  atMost(2, { figure: "1 GiB Float64Array: read", value: readBack, unit: "s", limit: read, limitName: "read, sha256" });
  atMost(2, { figure: "1 GiB Float64Array: keep what is there already", value: keepAgain, ...synced });
}

async function benchSmall(): Promise<void> {
  const store = new MemoryArtifactStore();
  const values = new Map<string, unknown>([
    ["accuracy", 0.93],
    ["name", "second set of parameters"],
    ["parameters", { rate: 0.1, layers: [64, 32] }],
  ]);
  const repeats = quick ? 500 : 50_000;
  for (let repeat = 0; repeat < repeats; repeat += 1) await keepArtifacts(values, store);
  const started = performance.now();
  for (let repeat = 0; repeat < repeats; repeat += 1) await keepArtifacts(values, store);
  const keep = ((performance.now() - started) * 1000) / repeats;
  const { parameters } = await keepArtifacts(values, store);
  if (parameters === undefined) throw new Error("the value was not kept");
  const read = seconds(() => {
    for (let repeat = 0; repeat < repeats; repeat += 1) readArtifactSync(parameters, store);
  });
  atMost(1, { figure: "3 small values: keep", value: keep, unit: "us", limit: 20 });
  atMost(1, { figure: "1 small value: read", value: (read * 1e6) / repeats, unit: "us", limit: 20 });
}

async function benchForeach(): Promise<void> {
  const elementCount = quick ? 1000 : 100_000;
  const store = new FileArtifactStore(join(folder, "store"));
  const values = Array.from({ length: elementCount }, (_, index) => ({ set: index, rate: index / 7 }));
  const started = performance.now();
  const elements = await keepElements(values, store);
  const keep = ((performance.now() - started) * 1000) / values.length;
  const reads = elementCount / 10;
  const read = seconds(() => {
    for (let index = 0; index < reads; index += 1) readElementSync(elementAt(elements, (index * elementCount) / reads), store);
  });
  atMost(1, { figure: "foreach of 100,000: keep, for each element", value: keep, unit: "us", limit: 20 });
  atMost(1, { figure: "foreach of 100,000: read one element", value: (read * 1e6) / reads, unit: "us", limit: 100 });
}

function writeRaw(path: string, bytes: Uint8Array, durability: "synced" | "unsynced"): void {
  const file = openSync(path, "w");
  for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at, Math.min(pieceBytes, bytes.length - at));
  if (durability === "synced") fsyncSync(file);
  closeSync(file);
}

function readRaw(path: string, length: number): Uint8Array {
  const bytes = Buffer.allocUnsafeSlow(length);
  const file = openSync(path, "r");
  for (let at = 0; at < length;) at += readSync(file, bytes, at, Math.min(pieceBytes, length - at), at);
  closeSync(file);
  return bytes;
}

function seconds(work: () => unknown): number {
  const started = performance.now();
  work();
  return (performance.now() - started) / 1000;
}
