// What a decision answers: events to append, or why not.

import type { RunEvent } from "../../proto/event.ts";

export type Decision = { readonly kind: "accepted"; readonly events: readonly RunEvent[] } | Refused;

export type Refused = { readonly kind: "refused"; readonly reason: RefusalReason; readonly message: string };

export type RefusalReason =
  /** The run has no such task. */
  | "notFound"
  /** The task is not, or no longer, in the state that this needs: a hint that came late or twice. */
  | "notCurrent"
  /** Reported under an attempt or a lease that is no longer the task's. */
  | "stale"
  /** The run's limit of slots is reached, or it is stopping. */
  | "noRoom"
  /** The run's status forbids it. */
  | "conflict"
  /** What was asked for is wrong in itself. */
  | "invalid";

export function accepted(...events: readonly RunEvent[]): Decision {
  return { kind: "accepted", events };
}

export function refused(reason: RefusalReason, message: string): Refused {
  return { kind: "refused", reason, message };
}
