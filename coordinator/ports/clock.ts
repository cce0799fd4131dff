/** Time, so that tests can drive it by hand. */
export interface Clock {
  /** Milliseconds since 1970, for events and people. */
  nowMs(): number;
  /** Milliseconds on a clock that never jumps, for leases and time-outs. */
  monotonicMs(): number;
  /** Calls back once, not before `delayMs`. Returns the function that cancels it. `background`: no reason for the process to stay alive. */
  after(delayMs: number, callback: () => void, options?: { readonly background: boolean }): () => void;
}
