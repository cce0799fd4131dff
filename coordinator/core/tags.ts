// Changing a run's tags.

import { refused, type Decision } from "./decision.ts";
import type { RunState } from "./state.ts";

export type TagRequest = {
  readonly by: string;
  readonly add: readonly string[];
  readonly remove: readonly string[];
  readonly atMs: number;
};

export function decideTags(state: RunState, request: TagRequest): Decision {
  return refused("noRoom", `unfinished ${state.seq} ${request.by}`);
}
