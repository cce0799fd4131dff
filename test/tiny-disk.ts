// A disk of a few hundred KiB, for tests of what happens when it is full or read-only. It takes root and Linux; elsewhere
// the test that asks for it says that it was skipped.

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";

export async function withTinyDisk(
  t: TestContext,
  { sizeKiB }: { readonly sizeKiB: number },
  use: (disk: string) => Promise<void>,
): Promise<void> {
  const disk = mkdtempSync(join(tmpdir(), "stepwell-disk-"));
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", `size=${sizeKiB}k`, "none", disk]).status === 0;
  try {
    if (mounted) await use(disk);
    else t.skip("mounting a small disk takes root on Linux");
  } finally {
    if (mounted) spawnSync("umount", ["-l", disk]);
    rmSync(disk, { recursive: true, force: true });
  }
}

/** Nothing on the disk can be written from now on. */
export function makeReadOnly(disk: string): void {
  spawnSync("mount", ["-o", "remount,ro", disk]);
}
