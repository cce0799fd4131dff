// What the helper thread of a RemoteStore opens: a connection of its own.

import type { ArtifactStore } from "../../sdk/artifact/store.ts";
import { openRemote } from "./remote.ts";
import type { ThreadOptions } from "./remote-store.ts";

/** `options` is what RemoteStore has given. */
export function openArtifactStore(options: unknown): ArtifactStore {
  const { endpoint, runs } = options as ThreadOptions;
  return openRemote(endpoint, runs).store;
}
