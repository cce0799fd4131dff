// A clock that stands still until it is told to move. Invariants: C1. callbacks run in the order in which they are due,
// equal ones in the order in which they were set. C2. while a callback runs, the clock shows the time at which it was due.

import type { Clock } from "../ports/clock.ts";

type Alarm = { readonly dueMs: number; readonly order: number; readonly callback: () => void };

export class ManualClock implements Clock {
  #monotonicMs = 0;
  #wallOffsetMs: number;
  #order = 0;
  readonly #alarms = new Set<Alarm>();

  constructor(startMs = 1_700_000_000_000) {
    this.#wallOffsetMs = startMs;
  }

  nowMs(): number {
    return this.#wallOffsetMs + this.#monotonicMs;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  after(delayMs: number, callback: () => void): () => void {
    const alarm = { dueMs: this.#monotonicMs + Math.max(0, delayMs), order: this.#order++, callback };
    this.#alarms.add(alarm);
    return () => this.#alarms.delete(alarm);
  }

  /** Lets `ms` pass, with everything that falls due in it, also what those callbacks set. */
  advance(ms: number): void {
    const untilMs = this.#monotonicMs + ms;
    for (let next = this.#next(); next !== null && next.dueMs <= untilMs; next = this.#next()) {
      this.#alarms.delete(next);
      this.#monotonicMs = Math.max(this.#monotonicMs, next.dueMs);
      next.callback();
    }
    this.#monotonicMs = untilMs;
  }

  /** Sets the wall clock forwards or backwards, as an operator or NTP does; nothing falls due by it. */
  jump(ms: number): void {
    this.#wallOffsetMs += ms;
  }

  /** When the next callback is due, in milliseconds from now; null where none is set. */
  nextDueMs(): number | null {
    const next = this.#next();
    return next === null ? null : Math.max(0, next.dueMs - this.#monotonicMs);
  }

  #next(): Alarm | null {
    let next: Alarm | null = null;
    for (const alarm of this.#alarms) {
      if (next === null || alarm.dueMs < next.dueMs || (alarm.dueMs === next.dueMs && alarm.order < next.order)) next = alarm;
    }
    return next;
  }
}
