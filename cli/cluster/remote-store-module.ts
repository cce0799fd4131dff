// What the helper thread of a RemoteStore opens: a connection of its own.

import type { Endpoint } from "../../sdk/wire/endpoint.ts";
import { openRemote } from "./remote.ts";
import type { RemoteStore } from "./remote-store.ts";

/** `options` is what RemoteStore has given. */
export function openArtifactStore(options: unknown): RemoteStore {
  return openRemote(options as Endpoint).store;
}
