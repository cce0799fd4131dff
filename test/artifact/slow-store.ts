// A store that answers later, never at once: what a store behind a network is like. A thread of its own opens it.

import { setImmediate } from "node:timers/promises";
import { FileArtifactStore } from "../../sdk/artifact/file-store.ts";
import type { ArtifactStore } from "../../sdk/artifact/store.ts";

/** `options` is the folder; "broken" cannot be opened, and "dying" ends its thread at the first read. */
export async function openArtifactStore(options: unknown): Promise<ArtifactStore> {
  await setImmediate();
  if (options === "broken") throw new Error("the door is locked");
  const store = new FileArtifactStore(String(options));
  return {
    put: (bytes) => store.put(bytes),
    putStream: (source) => store.putStream(source),
    stream: (sha256) => store.stream(sha256),
    has: (sha256) => store.has(sha256),
    async get(sha256, range) {
      await setImmediate();
      if (options === "dying") process.exit(1);
      const bytes = await store.get(sha256, range);
      // As if it came out of a larger buffer.
      return Buffer.concat([Buffer.alloc(3), bytes]).subarray(3);
    },
  };
}
