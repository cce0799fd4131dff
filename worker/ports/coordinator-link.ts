// The port to a coordinator: one stream of items in each direction, which may break at any time.

import type { CoordinatorItem, WorkerItem } from "../../sdk/wire/worker-items.ts";

export type LinkEvents = {
  onItem(item: CoordinatorItem): void;
  /** Once, last. `refused` where trying again makes no sense. */
  onClosed(end: { readonly reason: string; readonly refused: boolean }): void;
};

export interface CoordinatorLink {
  /** Items arrive in the order of the calls, or the link closes. */
  send(item: WorkerItem): void;
  close(): void;
}

/** Opens a stream; a coordinator that cannot be reached closes it. */
export type OpenLink = (events: LinkEvents) => CoordinatorLink;
