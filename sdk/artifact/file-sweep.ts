// Deletes a blob of a folder unless somebody has stored it again: whoever does so at the same moment finds it, new, or writes it.

import { randomUUID } from "node:crypto";
import { link, mkdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isMissing } from "./file-store-error.ts";

/** `path` is the blob's; it goes aside first, so that from then on nobody can make it new without writing it. */
export async function deleteUnlessNew(root: string, path: string, storedBeforeMs: number): Promise<void> {
  const aside = join(root, "tmp", `sweep-${randomUUID()}`);
  try {
    await mkdir(dirname(aside), { recursive: true });
    await rename(path, aside);
  } catch (error) {
    if (isMissing(error)) return;
    throw error;
  }
  if ((await stat(aside)).mtimeMs >= storedBeforeMs) await putBack(aside, path);
  await rm(aside, { force: true });
}

/** Where it has been written again meanwhile, that one stays. */
async function putBack(aside: string, path: string): Promise<void> {
  try {
    await link(aside, path);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  }
}
