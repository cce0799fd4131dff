import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { withTinyDisk } from "../test/tiny-disk.ts";
import { lockFile } from "./file-lock.ts";

test("a file that was locked before can be locked while its disk is full; a new one is refused, and not as somebody else's", async (t) => {
  await withTinyDisk(t, { sizeKiB: 256 }, (disk) => {
    lockFile(join(disk, "known"))?.release();
    assert.throws(() => writeFileSync(join(disk, "ballast"), Buffer.alloc(1 << 20)), { code: "ENOSPC" });
    const lock = lockFile(join(disk, "known"));
    assert.ok(lock !== null);
    assert.equal(lockFile(join(disk, "known")), null);
    lock.release();
    assert.throws(() => lockFile(join(disk, "new")), /new cannot be locked \(.*full\): it must be on a disk of this machine that has room/);
    return Promise.resolve();
  });
});
