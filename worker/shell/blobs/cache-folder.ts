// The files of the artifact cache: ROOT/blobs and ROOT/before, each laid out as a store of files.

import { mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
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

/**
 * A folder under `root` that is this process's alone as long as it lives: the first one whose owner is gone, so that what an
 * earlier worker left is used again. A number that another process has got since only costs a cold cache.
 */
export async function claimFolder(root: string): Promise<string> {
  for (let number = 0; number < foldersMax; number += 1) {
    const folder = join(root, String(number));
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const path = join(folder, "pid");
    const owner = Number(await readFile(path, "utf8").catch(() => "0"));
    if (owner !== 0 && isAlive(owner)) continue;
    if (owner !== 0) await rm(path, { force: true });
    if (await tryWrite(path)) return folder;
  }
  throw new Error(`${root} holds the caches of ${foldersMax} workers that run; give this one another folder`);
}

async function tryWrite(path: string): Promise<boolean> {
  const file = await open(path, "wx").catch(() => null);
  if (file === null) return false;
  await file.write(String(process.pid));
  await file.close();
  // Two that found the same owner gone may both have removed his file, one of them that of the other.
  return (await readFile(path, "utf8").catch(() => "")) === String(process.pid);
}

function isAlive(pid: number): boolean {
  if (pid === process.pid) return true;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
