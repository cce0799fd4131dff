import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import type { Sha256 } from "../../../proto/ids.ts";
import { FileArtifactStore } from "../../../sdk/artifact/file-store.ts";
import { MemoryArtifactStore } from "../../../sdk/artifact/memory-store.ts";
import type { ArtifactStore } from "../../../sdk/artifact/store.ts";
import { SlowStore } from "../../../test/blobs/slow-upstream.ts";
import { temporaryFolder } from "../../../test/command.ts";
import { withTinyDisk } from "../../../test/tiny-disk.ts";
import { SocketLess } from "../../../test/blobs/direct-line.ts";
import { CachedArtifactStore } from "../../adapters/task-process/cached-store.ts";
import { ArtifactCache } from "./artifact-cache.ts";
import { AttemptBlobs } from "./attempt-blobs.ts";
import { blobPath, claimFolder } from "./cache-folder.ts";
import { Uploads } from "./uploads.ts";

const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

function open(root: string, bytesMax = 1_000_000): Promise<ArtifactCache> {
  return ArtifactCache.open({ root, bytesMax, log });
}

function has(cache: ArtifactCache, sha256: Sha256): boolean {
  return existsSync(blobPath(cache.folder, sha256));
}

async function storeOf(count: number, bytes: number): Promise<{ readonly store: MemoryArtifactStore; readonly blobs: readonly Sha256[] }> {
  const store = new MemoryArtifactStore();
  const blobs: Sha256[] = [];
  for (let at = 0; at < count; at += 1) blobs.push(await store.put(Buffer.alloc(bytes, String(at))));
  return { store, blobs };
}

test("a blob is fetched once, however many ask for it at the same time", async () => {
  using folder = temporaryFolder();
  const upstream = new SlowStore();
  const sha256 = await upstream.seed(Buffer.from("wanted by all"));
  const cache = await open(folder.path);
  const asking = Array.from({ length: 10 }, () => cache.fetch(sha256, upstream));
  await upstream.asked(1);
  upstream.release();
  await Promise.all(asking);
  await cache.fetch(sha256, upstream);
  assert.equal(upstream.reads, 1);
  assert.ok(has(cache, sha256));
});

test("what one attempt is refused, another that asked at the same time still gets", async () => {
  using folder = temporaryFolder();
  const { store, blobs } = await storeOf(1, 100);
  const [sha256] = blobs as [Sha256];
  const cache = await open(folder.path);
  const without = new SlowStore();
  const refused = cache.fetch(sha256, without);
  await without.asked(1);
  const granted = cache.fetch(sha256, store);
  without.release();
  await assert.rejects(refused, { problem: "missing" });
  await granted;
  assert.ok(has(cache, sha256));
});

test("what was used longest ago goes first, and what is yet to be uploaded stays", async () => {
  using folder = temporaryFolder();
  const { store, blobs } = await storeOf(5, 1000);
  const cache = await open(folder.path, 3000);
  const [a, b, c, d, e] = blobs as [Sha256, Sha256, Sha256, Sha256, Sha256];
  await new FileArtifactStore(cache.folder).put(await store.get(a));
  await cache.wrote(a, 1000);
  for (const sha256 of [b, c]) await cache.fetch(sha256, store);
  cache.used(b);
  await cache.fetch(d, store);
  assert.deepEqual(
    [a, b, c, d].map((sha256) => has(cache, sha256)),
    [true, true, false, true],
  );
  cache.unpin(a);
  await cache.fetch(e, store);
  assert.deepEqual(
    [a, b, d, e].map((sha256) => has(cache, sha256)),
    [false, true, true, true],
  );
  assert.equal(cache.bytes, 3000);
});

test("what an earlier worker left is used again, once its bytes are found right", async () => {
  using folder = temporaryFolder();
  const { store, blobs } = await storeOf(2, 1000);
  const [good, bad] = blobs as [Sha256, Sha256];
  const before = await open(folder.path);
  for (const sha256 of blobs) await before.fetch(sha256, store);
  const bytes = readFileSync(blobPath(before.folder, bad));
  bytes[5] = 0;
  rmSync(blobPath(before.folder, bad));
  writeFileSync(blobPath(before.folder, bad), bytes);
  const after = await open(folder.path);
  assert.deepEqual([after.bytes, has(after, good)], [2000, false]);
  const nothing = new MemoryArtifactStore();
  await after.fetch(good, nothing);
  assert.ok(has(after, good));
  await assert.rejects(after.fetch(bad, nothing), { problem: "missing" });
  await after.fetch(bad, store);
  assert.deepEqual(readFileSync(blobPath(after.folder, bad)), Buffer.from(await store.get(bad)));
});

test("an upstream that gives other bytes is not believed", async () => {
  using folder = temporaryFolder();
  const { store, blobs } = await storeOf(2, 1000);
  const [wanted, other] = blobs as [Sha256, Sha256];
  const lying: ArtifactStore = {
    put: () => store.put(new Uint8Array()),
    putStream: (source) => store.putStream(source),
    get: () => store.get(other),
    stream: () => store.stream(other),
    has: () => store.has(other),
  };
  const cache = await open(folder.path);
  await assert.rejects(cache.fetch(wanted, lying), { problem: "corrupt" });
  assert.ok(!has(cache, wanted));
});

test("a blob that is larger than the cache can be read, and goes when another one comes", async () => {
  using folder = temporaryFolder();
  const { store, blobs } = await storeOf(2, 5000);
  const [first, second] = blobs as [Sha256, Sha256];
  const cache = await open(folder.path, 1000);
  await cache.fetch(first, store);
  assert.ok(has(cache, first));
  await cache.fetch(second, store);
  assert.deepEqual([has(cache, first), has(cache, second), cache.bytes], [false, true, 5000]);
});

test("readers get right bytes while others push what they read out of a cache that is too small for all", { timeout: 30_000 }, async () => {
  using folder = temporaryFolder();
  const { store, blobs } = await storeOf(12, 100_000);
  const cache = await open(folder.path, 250_000);
  const uploads = new Uploads(cache);
  const readers = Array.from({ length: 6 }, (_, reader) => {
    const attempt = new AttemptBlobs({ cache, uploads, upstream: () => Promise.resolve(store) });
    const view = new CachedArtifactStore(cache.folder, new SocketLess(attempt));
    return (async () => {
      for (let round = 0; round < 40; round += 1) {
        const at = (reader * 5 + round * 7) % blobs.length;
        const sha256 = blobs[at];
        assert.ok(sha256 !== undefined);
        const bytes = await view.get(sha256);
        assert.ok(bytes.length === 100_000 && bytes[99_999] === String(at).charCodeAt(99_999 % String(at).length));
      }
      attempt.close();
    })();
  });
  await Promise.all(readers);
  assert.ok(cache.bytes <= 250_000);
});

test("what a task writes is known to the worker when it is written, and uploaded before the attempt counts as settled", async () => {
  using folder = temporaryFolder();
  const upstream = new SlowStore();
  const cache = await open(folder.path);
  const attempt = new AttemptBlobs({ cache, uploads: new Uploads(cache), upstream: () => Promise.resolve(upstream) });
  const view = new CachedArtifactStore(cache.folder, new SocketLess(attempt));
  const sha256 = await view.put(Buffer.from("made by a step"));
  let settled = false;
  const settling = attempt.settled().then((problem) => {
    settled = true;
    return problem;
  });
  await upstream.asked(1);
  assert.equal(settled, false);
  upstream.release();
  assert.equal(await settling, null);
  assert.deepEqual(Buffer.from(await upstream.get(sha256)), Buffer.from("made by a step"));
});

test("what is written when its attempt is over keeps no room", async () => {
  using folder = temporaryFolder();
  const { store, blobs } = await storeOf(2, 1000);
  const [late, next] = blobs as [Sha256, Sha256];
  const cache = await open(folder.path, 1500);
  const attempt = new AttemptBlobs({ cache, uploads: new Uploads(cache), upstream: () => Promise.resolve(store) });
  await new FileArtifactStore(cache.folder).put(await store.get(late));
  attempt.close();
  await attempt.wrote(late, 1000);
  await cache.fetch(next, store);
  assert.deepEqual([has(cache, late), has(cache, next)], [false, true]);
});

test("an upload that is refused is told in words, and the next attempt tries again", async () => {
  using folder = temporaryFolder();
  const upstream = new MemoryArtifactStore();
  upstream.writeFault = "denied";
  const cache = await open(folder.path);
  const uploads = new Uploads(cache);
  const put = async (): Promise<string | null> => {
    const attempt = new AttemptBlobs({ cache, uploads, upstream: () => Promise.resolve(upstream) });
    await new CachedArtifactStore(cache.folder, new SocketLess(attempt)).put(Buffer.from("bytes"));
    return attempt.settled();
  };
  assert.equal(await put(), "this store is set to fail as denied");
  upstream.writeFault = null;
  assert.equal(await put(), null);
  assert.equal(upstream.writesCount, 1);
  assert.equal(await put(), null);
});

test("two workers of one machine never share a folder, and a later one takes over what an earlier one left", async () => {
  using folder = temporaryFolder();
  const [first, second] = [await claimFolder(folder.path), await claimFolder(folder.path)];
  assert.notEqual(first.folder, second.folder);
  first.release();
  const third = await claimFolder(folder.path);
  assert.equal(third.folder, first.folder);
  third.release();
  second.release();
});

test("the folder of a worker that was killed is free, and that of one that lives is not", { timeout: 20_000 }, async (context) => {
  using folder = temporaryFolder();
  const program = `import { claimFolder } from ${JSON.stringify(import.meta.resolve("./cache-folder.ts"))};
    console.log((await claimFolder(process.argv[1])).folder); setInterval(() => undefined, 1000);`;
  const other = spawn(process.execPath, ["--no-warnings", "--input-type=module", "--eval", program, folder.path], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  context.after(() => other.kill("SIGKILL"));
  const [line] = (await once(other.stdout, "data")) as [Buffer];
  const beside = await claimFolder(folder.path);
  assert.notEqual(beside.folder, String(line).trim());
  beside.release();
  other.kill("SIGKILL");
  await once(other, "exit");
  const after = await claimFolder(folder.path);
  assert.equal(after.folder, String(line).trim());
  after.release();
});

test("a full disk makes the cache smaller; only a blob that finds no room at all is an error", async (context) => {
  await withTinyDisk(context, { sizeKiB: 1000 }, async (disk) => {
    const { store, blobs } = await storeOf(6, 300_000);
    const cache = await open(disk, 10_000_000);
    for (const sha256 of blobs) {
      await cache.fetch(sha256, store);
      assert.ok(has(cache, sha256));
    }
    assert.ok(cache.bytes < 1_000_000);
    const large = await store.put(Buffer.alloc(2_000_000, "x"));
    await assert.rejects(cache.fetch(large, store), { problem: "full", message: /no space left.*free some space/ });
    const attempt = new AttemptBlobs({ cache, uploads: new Uploads(cache), upstream: () => Promise.resolve(store) });
    const view = new CachedArtifactStore(cache.folder, new SocketLess(attempt));
    for (let at = 0; at < 6; at += 1) await view.put(Buffer.alloc(150_000, String(at)));
    assert.equal(await attempt.settled(), null);
    attempt.close();
  });
});
