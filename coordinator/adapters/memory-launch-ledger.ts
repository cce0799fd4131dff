// Launches' history in memory: for tests, and for what ends with its process.

import type { LaunchId } from "../../proto/launch.ts";
import type { LaunchEvent } from "../core/launching/event.ts";
import type { LaunchLedger } from "../ports/launch-ledger.ts";

export class MemoryLaunchLedger implements LaunchLedger {
  #events: LaunchEvent[] = [];

  async append(events: readonly LaunchEvent[]): Promise<void> {
    this.#events.push(...events);
  }

  async *read(): AsyncGenerator<LaunchEvent, void, undefined> {
    // What is appended meanwhile is left for the next reading.
    yield* this.#events.slice();
  }

  async forget(launches: readonly LaunchId[]): Promise<void> {
    const gone = new Set(launches);
    this.#events = this.#events.filter(({ launch }) => !gone.has(launch));
  }

  async close(): Promise<void> {
    // What others still hold of it can be read on.
  }
}
