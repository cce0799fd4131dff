// The worker that is one file, which a coordinator gives to the containers that it launches.
//
// W1. Its path cannot be guessed: whoever could find the file would know the coordinator's version by its hash.

import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import type { GivenWorker } from "../../coordinator/api/http/worker-route.ts";

/** The same for the same data folder and version, so that what a restarted coordinator launches finds it. @throws why it cannot be read */
export function oneFileWorker(identity: string): GivenWorker {
  const bytes = readFileSync(builtFile());
  const sha256 = hashOf(bytes);
  return { bytes, sha256, path: `/worker/${hashOf(`${identity}/${sha256}`)}` };
}

function hashOf(bytes: Uint8Array | string): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** In dist/, where this module is too once it is built. */
function builtFile(): URL {
  const beside = new URL("../../worker/standalone.cjs", import.meta.url);
  return existsSync(beside) ? beside : new URL("../../dist/worker/standalone.cjs", import.meta.url);
}
