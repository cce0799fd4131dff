// Whether the queue can be used now, by two signs: the connection, and whether JetStream does what it is asked.
// Invariant: R1. the log hears once that it is down and once that it is up again, however many calls fail meanwhile.

import type { Clock } from "../../ports/clock.ts";
import type { QueueHealth } from "../../ports/task-queue.ts";
import type { CoordinatorLog } from "../../shell/log.ts";

export type Sign = "connection" | "jetstream";

export class Reachability {
  readonly #clock: Clock;
  readonly #log: CoordinatorLog;
  readonly #troubles = new Map<Sign, string>();
  #health: QueueHealth;

  constructor(clock: Clock, log: CoordinatorLog) {
    this.#clock = clock;
    this.#log = log;
    this.#health = { reachable: true, sinceMs: clock.nowMs() };
  }

  get health(): QueueHealth {
    return this.#health;
  }

  lost(sign: Sign, reason: string): void {
    this.#troubles.set(sign, reason);
    this.#weigh();
  }

  works(sign: Sign): void {
    if (this.#troubles.delete(sign)) this.#weigh();
  }

  #weigh(): void {
    const reason = this.#troubles.get("connection") ?? this.#troubles.get("jetstream");
    const before = this.#health;
    const sinceMs = this.#clock.nowMs();
    if (reason !== undefined) {
      this.#health = { reachable: false, sinceMs: before.reachable ? sinceMs : before.sinceMs, reason };
      // R1
      if (before.reachable)
        this.#log.error({ event: "queue.down", reason }, "the task queue cannot be used: what runs goes on, new tasks wait");
    } else if (!before.reachable) {
      this.#health = { reachable: true, sinceMs };
      this.#log.info({ event: "queue.up", duration_ms: sinceMs - before.sinceMs }, "the task queue works again");
    }
  }
}
