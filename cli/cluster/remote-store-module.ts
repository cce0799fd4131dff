// What the helper thread of a RemoteStore opens: a connection of its own.

import type { ArtifactStore } from "../../sdk/artifact/store.ts";
import type { Endpoint } from "../../sdk/wire/endpoint.ts";
import { openRemote } from "./remote.ts";

/** `options` is what RemoteStore has given. */
export function openArtifactStore(options: unknown): ArtifactStore {
  return openRemote(options as Endpoint).store;
}
