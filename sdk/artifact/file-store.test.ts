import assert from "node:assert/strict";
import { execFileSync, fork, spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { after, describe, test } from "node:test";
import type { TestContext } from "node:test";
import type { Sha256 } from "../../proto/ids.ts";
import { FileArtifactStore } from "./file-store.ts";
import { describeArtifactStore } from "./store.conformance.ts";
import { describeSweepableStore } from "./sweepable.conformance.ts";

const scratch = mkdtempSync(join(tmpdir(), "stepwell-store-"));
after(() => rmSync(scratch, { recursive: true, force: true }));

function freshRoot(): string {
  return join(mkdtempSync(join(scratch, "root-")), "artifacts");
}

function pathOf(root: string, sha256: Sha256): string {
  return join(root, sha256.slice(0, 2), sha256.slice(2));
}

/** Shard folders only: not what is being written, nor what was set aside. */
function blobsIn(root: string): string[] {
  const shards = readdirSync(root).filter((name) => name.length === 2);
  return shards.flatMap((shard) => readdirSync(join(root, shard)).map((rest) => shard + rest));
}

function overwrite(path: string): void {
  const bytes = readFileSync(path);
  bytes[0] = (bytes[0] ?? 0) ^ 1;
  chmodSync(path, 0o644);
  writeFileSync(path, bytes);
}

describeArtifactStore("files", () => {
  const root = freshRoot();
  // Counted by what is there: a blob has one inode for ever, unless it is written again.
  const inodes = (): number => (statSync(root, { throwIfNoEntry: false }) === undefined ? 0 : blobsIn(root).length);
  return {
    store: new FileArtifactStore(root),
    corrupt: (sha256) => overwrite(pathOf(root, sha256)),
    writesCount: inodes,
    close: () => rmSync(root, { recursive: true, force: true }),
  };
});

describeSweepableStore("files", () => {
  const root = freshRoot();
  const age = (sha256: Sha256, byMs: number): void => {
    const path = pathOf(root, sha256);
    const at = new Date(statSync(path).mtimeMs - byMs);
    utimesSync(path, at, at);
  };
  return {
    store: new FileArtifactStore(root),
    age,
    pieceBytes: 64 * 1024,
    close: () => rmSync(root, { recursive: true, force: true }),
  };
});

describe("files", () => {
  test("writing what is there leaves the file alone, and nothing behind", async () => {
    const root = freshRoot();
    const store = new FileArtifactStore(root);
    const sha256 = await store.put(Buffer.from("a blob"));
    const before = statSync(pathOf(root, sha256));
    await store.put(Buffer.from("a blob"));
    await store.putStream(
      (async function* () {
        yield Buffer.from("a blob");
      })(),
    );
    const now = statSync(pathOf(root, sha256));
    assert.deepEqual([now.ino, now.mtimeMs], [before.ino, before.mtimeMs]);
    assert.deepEqual(readdirSync(join(root, "tmp")), []);
  });

  test("a blob that lost its end is written again", async () => {
    const root = freshRoot();
    const store = new FileArtifactStore(root);
    const sha256 = await store.put(Buffer.from("a blob"));
    chmodSync(pathOf(root, sha256), 0o644);
    truncateSync(pathOf(root, sha256), 3);
    await store.put(Buffer.from("a blob"));
    assert.equal(Buffer.from(await store.get(sha256)).toString(), "a blob");
  });

  test("a small blob with wrong bytes is written again by whoever stores the right ones, though nobody has read it", async () => {
    const root = freshRoot();
    const store = new FileArtifactStore(root);
    const sha256 = await store.put(Buffer.from("a blob"));
    const streamed = await store.putStream(Readable.from([Buffer.from("streamed")]));
    overwrite(pathOf(root, sha256));
    overwrite(pathOf(root, streamed.sha256));
    await store.put(Buffer.from("a blob"));
    await store.putStream(Readable.from([Buffer.from("streamed")]));
    assert.equal(Buffer.from(await store.get(sha256)).toString(), "a blob");
    assert.equal(Buffer.from(await store.get(streamed.sha256)).toString(), "streamed");
    assert.deepEqual(readdirSync(join(root, "tmp")), []);
  });

  test("a corrupt blob is set aside for inspection, and the error says where", async () => {
    const root = freshRoot();
    const store = new FileArtifactStore(root);
    const sha256 = await store.put(Buffer.from("a blob"));
    overwrite(pathOf(root, sha256));
    const message = `blob ${sha256} has other bytes than were stored (see ${root}/corrupt/${sha256}); run the task that made it again`;
    await assert.rejects(store.get(sha256), { problem: "corrupt", message });
    assert.equal(readFileSync(join(root, "corrupt", sha256), "utf8").slice(1), " blob");
  });

  test("what a killed writer left is removed when it is a day old, and not before", async () => {
    const root = freshRoot();
    await new FileArtifactStore(root).put(Buffer.from("a blob"));
    for (const [name, ageHours] of [
      ["old", 25],
      ["young", 23],
    ] as const) {
      const path = join(root, "tmp", name);
      writeFileSync(path, "half a bl");
      const secondsSince1970 = Date.now() / 1000 - ageHours * 3600;
      utimesSync(path, secondsSince1970, secondsSince1970);
    }
    await new FileArtifactStore(root).put(Buffer.from("another"));
    assert.deepEqual(readdirSync(join(root, "tmp")), ["young"]);
  });
});

describe("files with several processes", () => {
  /** A process that writes into `root`; see test/artifact/writer.ts. */
  function startWriter(root: string, ...args: string[]): ChildProcess {
    return fork(new URL("../../test/artifact/writer.ts", import.meta.url), [root, ...args], { timeout: 20_000 });
  }

  test("a writer that is killed at any moment leaves the whole blob or none", async () => {
    const root = freshRoot();
    const blobBytes = 3 * 1024 * 1024;
    let whole = 0;
    for (let kill = 0; kill < 6; kill += 1) {
      const writer = startWriter(root, "endless", String(blobBytes), String(kill));
      for (let piece = 0; piece <= kill * 2; piece += 1) await once(writer, "message");
      writer.kill("SIGKILL");
      await once(writer, "exit");
      const store = new FileArtifactStore(root);
      for (const name of blobsIn(root)) {
        const sha256 = name as Sha256;
        assert.equal((await store.get(sha256)).length, blobBytes);
        whole += 1;
      }
    }
    assert.ok(whole > 0, "no writer came so far as to finish a blob");
  });

  test("writers of the same blobs at once don't disturb each other", async () => {
    const root = freshRoot();
    const writers = Array.from({ length: 3 }, () => startWriter(root, "same", "40"));
    const codes = await Promise.all(writers.map(async (writer) => (await once(writer, "exit"))[0] as unknown));
    assert.deepEqual(codes, [0, 0, 0]);
    const store = new FileArtifactStore(root);
    const names = blobsIn(root);
    assert.equal(names.length, 40);
    for (const name of names) await store.get(name as Sha256);
    assert.deepEqual(readdirSync(join(root, "tmp")), []);
  });
});

describe("files where writing fails", () => {
  /** Runs the check with a folder on a disk of 1 MiB. */
  async function onSmallDisk(context: TestContext, check: (disk: string) => Promise<void>): Promise<void> {
    const disk = mkdtempSync(join(scratch, "disk-"));
    if (spawnSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", disk]).status !== 0) {
      context.skip("mounting a small disk takes the rights of root");
      return;
    }
    try {
      await check(disk);
    } finally {
      execFileSync("umount", [disk]);
    }
  }

  test("a full disk is an error that says so, leaves nothing behind, and passes when there is room", (context) =>
    onSmallDisk(context, async (disk) => {
      const root = join(disk, "artifacts");
      const store = new FileArtifactStore(root);
      const kept = await store.put(Buffer.from("there before"));
      const large = Buffer.alloc(2 * 1024 * 1024);
      await assert.rejects(store.put(large), { problem: "full", message: /no space left.*free some space, then resume the run/ });
      assert.deepEqual(readdirSync(join(root, "tmp")), []);
      assert.equal(Buffer.from(await store.get(kept)).toString(), "there before");
      await store.put(Buffer.alloc(100_000));
    }));

  test("a folder that cannot be written can be read, and says so to a writer", (context) =>
    onSmallDisk(context, async (disk) => {
      const root = join(disk, "artifacts");
      const good = await new FileArtifactStore(root).put(Buffer.from("good"));
      const bad = await new FileArtifactStore(root).put(Buffer.from("bad"));
      overwrite(pathOf(root, bad));
      execFileSync("mount", ["-o", "remount,ro", disk]);
      const store = new FileArtifactStore(root);
      assert.equal(Buffer.from(store.getSync(good)).toString(), "good");
      await assert.rejects(store.put(Buffer.from("more")), { problem: "readOnly", message: /read-only.*choose another folder/ });
      await assert.rejects(store.get(bad), { problem: "corrupt", message: /run the task that made it again/ });
    }));

  test("a file where the folder should be is an error that names it", async () => {
    const root = join(scratch, "no-folder");
    writeFileSync(root, "");
    await assert.rejects(new FileArtifactStore(root).put(Buffer.from("x")), { problem: "unreachable", message: /no-folder/ });
  });
});
