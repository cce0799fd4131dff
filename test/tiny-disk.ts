// Disks for tests: a tiny one, to be full or read-only, and one that can lose its power. They take root and Linux; elsewhere
// the test that asks for one says that it was skipped.

import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
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

export type PowerCutDisk = {
  readonly folder: string;
  /** What a machine would find on the disk after losing power now: only what has reached it, not what was merely written. */
  afterPowerCut(use: (folder: string) => Promise<void>): Promise<void>;
};

/**
 * A file system in an image file. What its kernel cache holds is not in the image until it is synced, so that a copy of the
 * image is the disk after a power cut. Stop the writer first: a copy takes a few milliseconds.
 */
export async function withPowerCutDisk(t: TestContext, use: (disk: PowerCutDisk) => Promise<void>): Promise<void> {
  const base = mkdtempSync(join(tmpdir(), "stepwell-power-"));
  const image = join(base, "image");
  const folder = join(base, "disk");
  mkdirSync(folder);
  writeFileSync(image, Buffer.alloc(24 << 20));
  const made = spawnSync("mkfs.ext4", ["-q", "-F", image]).status === 0 && mount(image, folder);
  let cuts = 0;
  const afterPowerCut = async (look: (folder: string) => Promise<void>): Promise<void> => {
    const [copy, found] = [join(base, `copy-${cuts}`), join(base, `found-${cuts++}`)];
    copyFileSync(image, copy);
    mkdirSync(found);
    if (!mount(copy, found)) throw new Error("the copied image could not be mounted");
    try {
      await look(found);
    } finally {
      spawnSync("umount", ["-l", found]);
      rmSync(copy);
    }
  };
  try {
    if (made) await use({ folder, afterPowerCut });
    else t.skip("making and mounting a file system takes root on Linux");
  } finally {
    if (made) spawnSync("umount", ["-l", folder]);
    rmSync(base, { recursive: true, force: true });
  }
}

function mount(image: string, folder: string): boolean {
  return spawnSync("mount", ["-o", "loop", image, folder]).status === 0;
}
