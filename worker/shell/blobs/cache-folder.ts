// The files of the artifact cache: ROOT/blobs and ROOT/before, each laid out as a store of files.

import { mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { parseSha256, type Sha256 } from "../../../proto/ids.ts";

export type FoundBlob = { readonly sha256: Sha256; readonly size: number; readonly usedMs: number };

export function blobPath(folder: string, sha256: Sha256): string {
  return join(folder, sha256.slice(0, 2), sha256.slice(2));
}

/** The blobs in a folder, those used longest ago first. */
export async function foundIn(folder: string): Promise<readonly FoundBlob[]> {
  const found: FoundBlob[] = [];
  for (const { sha256, path } of await listBlobs(folder)) {
    const file = await stat(path).catch(() => null);
    if (file !== null) found.push({ sha256, size: file.size, usedMs: file.mtimeMs });
  }
  return found.sort((a, b) => a.usedMs - b.usedMs);
}

/** Everything of one folder into another; what a killed writer left unfinished is removed. */
export async function moveBlobs(from: string, to: string): Promise<void> {
  for (const { sha256, path } of await listBlobs(from)) {
    await mkdir(join(to, sha256.slice(0, 2)), { recursive: true });
    await rename(path, blobPath(to, sha256));
  }
  await rm(from, { recursive: true, force: true });
}

async function listBlobs(folder: string): Promise<readonly { readonly sha256: Sha256; readonly path: string }[]> {
  const found: { readonly sha256: Sha256; readonly path: string }[] = [];
  for (const first of await namesIn(folder)) {
    if (!/^[0-9a-f]{2}$/.test(first)) continue;
    for (const rest of await namesIn(join(folder, first))) {
      if (/^[0-9a-f]{62}$/.test(rest)) found.push({ sha256: parseSha256(first + rest), path: join(folder, first, rest) });
    }
  }
  return found;
}

async function namesIn(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch(() => []);
}

/** Folders of one machine's workers under the same root. */
const foldersMax = 256;

export type ClaimedFolder = { readonly folder: string; release(): void };

/**
 * A folder under `root` that is this worker's alone until it lets go of it or its process ends, however: the first one that
 * nobody has, so that what an earlier worker left is used again.
 */
export async function claimFolder(root: string): Promise<ClaimedFolder> {
  const { lockFile } = await import("../../../sdk/file-lock.ts");
  for (let number = 0; number < foldersMax; number += 1) {
    const folder = join(root, String(number));
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const lock = lockFile(join(folder, "lock"));
    if (lock !== null) return { folder, release: () => lock.release() };
  }
  throw new Error(`${root} holds the caches of ${foldersMax} workers that run; give this one another folder`);
}
