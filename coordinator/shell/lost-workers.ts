// The workers that were lost lately: so that whoever looks sees what is missing, and not only what is there.

import type { Hello } from "../../sdk/wire/worker-items.ts";

export type LostWorker = {
  readonly hello: Hello;
  readonly pool: string;
  /** Last sign of life, on the monotonic clock. */
  readonly heardAtMs: number;
  readonly lostAtMs: number;
  /** What it held then. */
  readonly requeued: number;
};

/** How many are remembered, and for how long. */
const lostMax = 100;
const rememberedMs = 60 * 60_000;

export class LostWorkers {
  readonly #byId = new Map<string, LostWorker>();

  note(worker: LostWorker): void {
    const { worker: id } = worker.hello;
    this.#byId.delete(id);
    this.#byId.set(id, worker);
    const [oldest] = this.#byId.keys();
    if (this.#byId.size > lostMax && oldest !== undefined) this.#byId.delete(oldest);
  }

  /** It has come back. */
  found(id: string): void {
    this.#byId.delete(id);
  }

  at(nowMs: number): readonly LostWorker[] {
    for (const [id, { lostAtMs }] of this.#byId) if (nowMs - lostAtMs > rememberedMs) this.#byId.delete(id);
    return [...this.#byId.values()];
  }
}
