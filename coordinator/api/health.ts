// How the coordinator's parts are: looked at when somebody asks, and not more often than every `lookEveryMs`.
//
// H1. An answer comes within `probeMsMax`: a part that says nothing for so long has failed.
// H2. A queue that cannot be reached makes nothing fail: what runs goes on, new tasks wait.

import type { HealthPart, HealthView } from "../../proto/health.ts";
import type { Clock } from "../ports/clock.ts";
import type { TaskQueue } from "../ports/task-queue.ts";

/** Looks at a part. Rejects with the reason why it cannot be used. */
export type Probes = Readonly<Partial<Record<"ledger" | "store", () => Promise<void>>>>;

export type HealthOptions = { readonly clock: Clock; readonly queue: TaskQueue; readonly probes: Probes };

export const lookEveryMs = 5000;
export const probeMsMax = 3000;

class ProbedPart {
  readonly #part: "ledger" | "store";
  readonly #probe: () => Promise<void>;
  readonly #clock: Clock;
  #looking: Promise<void> | null = null;
  #lookedAtMs = Number.NEGATIVE_INFINITY;
  #trouble: { readonly sinceMs: number; readonly reason: string } | null = null;

  constructor(part: "ledger" | "store", probe: () => Promise<void>, clock: Clock) {
    this.#part = part;
    this.#probe = probe;
    this.#clock = clock;
  }

  async view(): Promise<HealthPart> {
    if (this.#clock.monotonicMs() - this.#lookedAtMs >= lookEveryMs) await (this.#looking ??= this.#look());
    const trouble = this.#trouble;
    if (trouble === null) return { part: this.#part, status: "ok", sinceMs: null, reason: null };
    return { part: this.#part, status: "failed", ...trouble };
  }

  async #look(): Promise<void> {
    const reason = await this.#reason();
    const sinceMs = this.#trouble?.sinceMs ?? this.#clock.nowMs();
    this.#trouble = reason === null ? null : { sinceMs, reason };
    this.#lookedAtMs = this.#clock.monotonicMs();
    this.#looking = null;
  }

  /** H1 */
  async #reason(): Promise<string | null> {
    const silent = Promise.withResolvers<string>();
    const cancel = this.#clock.after(probeMsMax, () => silent.resolve(`it has not answered for ${probeMsMax / 1000} s`), {
      background: true,
    });
    const probed = this.#probe().then(
      () => null,
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    );
    const reason = await Promise.race([probed, silent.promise]);
    cancel();
    return reason;
  }
}

export class Health {
  readonly #queue: TaskQueue;
  readonly #probed: readonly ProbedPart[];
  #closing = false;

  constructor({ clock, queue, probes }: HealthOptions) {
    this.#queue = queue;
    const parts = ["ledger", "store"] as const;
    this.#probed = parts.flatMap((part) => {
      const probe = probes[part];
      return probe === undefined ? [] : [new ProbedPart(part, probe, clock)];
    });
  }

  async view(): Promise<HealthView> {
    const parts = [...(await Promise.all(this.#probed.map((part) => part.view()))), this.#queueView()];
    return { ready: !this.#closing && parts.every(({ status }) => status !== "failed"), parts };
  }

  /** Not ready from now on. */
  close(): void {
    this.#closing = true;
  }

  /** H2 */
  #queueView(): HealthPart {
    const health = this.#queue.health();
    if (health.reachable) return { part: "queue", status: "ok", sinceMs: null, reason: null };
    return { part: "queue", status: "degraded", sinceMs: health.sinceMs, reason: health.reason };
  }
}
