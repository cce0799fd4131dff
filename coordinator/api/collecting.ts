// Collects garbage for whoever asks; what does it is loaded when somebody does.

import type { CollectReport, CollectRequest } from "../../proto/collect.ts";
import { ControlError } from "../../proto/control.ts";
import { ArtifactStoreError } from "../../sdk/artifact/store.ts";
import { renewedAfterMs, type SweepableStore } from "../../sdk/artifact/sweepable.ts";
import type { Collector, CollectorOptions } from "../shell/collector.ts";

export type CollectingPorts = Omit<CollectorOptions, "store" | "youngMs"> & {
  /** Null where the coordinator has no store to sweep. */
  readonly sweep: SweepableStore | null;
};

/** A writer makes an old blob new, and then has all this time to name it. */
const youngMs = 2 * renewedAfterMs;
/** Of the last so many collections it is known what came of them. */
const keysKept = 100;

export class Collecting {
  readonly #ports: CollectingPorts;
  #collector: Promise<Collector> | null = null;
  readonly #byKey = new Map<string, Promise<CollectReport>>();

  constructor(ports: CollectingPorts) {
    this.#ports = ports;
  }

  /** @throws ControlError */
  collect(request: CollectRequest): Promise<CollectReport> {
    const { key } = request;
    if (key === undefined) return this.#collect(request);
    const collecting = this.#byKey.get(key) ?? this.#collect(request);
    this.#byKey.set(key, collecting);
    const [oldest] = this.#byKey.keys();
    if (this.#byKey.size > keysKept && oldest !== undefined) this.#byKey.delete(oldest);
    return collecting;
  }

  async #collect(request: CollectRequest): Promise<CollectReport> {
    const { sweep } = this.#ports;
    if (sweep === null) throw new ControlError("invalid", "this coordinator has no artifacts of its own to collect");
    this.#collector ??= this.#open(sweep);
    try {
      return await (await this.#collector).collect(request);
    } catch (error) {
      if (error instanceof ArtifactStoreError) throw new ControlError("unavailable", error.message);
      throw error;
    }
  }

  async #open(store: SweepableStore): Promise<Collector> {
    const { Collector: Opened } = await import("../shell/collector.ts");
    return new Opened({ ...this.#ports, store, youngMs });
  }
}
