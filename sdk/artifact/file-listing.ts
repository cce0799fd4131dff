// Lists the blobs of a folder in the order of their names.

import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { parseSha256 } from "../../proto/ids.ts";
import type { Sha256 } from "../../proto/ids.ts";
import { explained, isMissing } from "./file-store-error.ts";
import type { ListedBlob } from "./sweepable.ts";

/** `after` leaves out all up to that name. @throws ArtifactStoreError */
export async function* listBlobs(root: string, after?: Sha256): AsyncIterable<ListedBlob> {
  for (const folder of await namesIn(root, /^[0-9a-f]{2}$/)) {
    if (after !== undefined && folder < after.slice(0, 2)) continue;
    for (const name of await namesIn(join(root, folder), /^[0-9a-f]{62}$/)) {
      const sha256 = parseSha256(folder + name);
      if (after !== undefined && sha256 <= after) continue;
      const listed = await explained(join(root, folder, name), () => look(join(root, folder, name), sha256));
      if (listed !== null) yield listed;
    }
  }
}

/** Null for what has gone meanwhile. */
async function look(path: string, sha256: Sha256): Promise<ListedBlob | null> {
  try {
    const { size, mtimeMs } = await stat(path);
    return { sha256, part: "bytes", size, modifiedAtMs: mtimeMs };
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

async function namesIn(folder: string, pattern: RegExp): Promise<readonly string[]> {
  return explained(folder, async () => {
    try {
      return (await readdir(folder)).filter((name) => pattern.test(name)).sort();
    } catch (error) {
      if (isMissing(error)) return [];
      throw error;
    }
  });
}
