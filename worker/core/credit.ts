// How many assignments a worker may ask for.
//
// C1. What runs and what was asked for never exceed the slots together, so an order never waits for a slot.

export type Load = {
  readonly slots: number;
  /** Attempts that hold a slot. */
  readonly running: number;
  /** Assignments that were asked for on this stream and have not come. */
  readonly asked: number;
  readonly draining: boolean;
};

export function creditToAsk(load: Load): number {
  return load.draining ? 0 : Math.max(0, load.slots - load.running - load.asked);
}
