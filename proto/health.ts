// How a coordinator's parts are.

export type HealthPart = {
  readonly part: "ledger" | "queue" | "store";
  /** `degraded`: what runs goes on, and the rest catches up. `failed`: nothing can be begun. */
  readonly status: "ok" | "degraded" | "failed";
  /** Since when it is not well; null where it is. Milliseconds since 1970. */
  readonly sinceMs: number | null;
  /** For people; null where it is well. */
  readonly reason: string | null;
};

/** Ready: none of the parts has failed, and the coordinator is neither starting nor stopping. */
export type HealthView = { readonly ready: boolean; readonly parts: readonly HealthPart[] };
