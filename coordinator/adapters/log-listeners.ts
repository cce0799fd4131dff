// Who wants to hear of a run's lines as they come.

import type { RunId } from "../../proto/ids.ts";
import type { LogLine } from "../../proto/view.ts";

type Listener = (lines: readonly LogLine[]) => void;

export class LogListeners {
  /** One object for each subscription, so that the same function may listen twice. */
  readonly #byRun = new Map<RunId, Set<{ readonly listener: Listener }>>();

  add(run: RunId, listener: Listener): () => void {
    const listeners = this.#byRun.get(run) ?? new Set();
    this.#byRun.set(run, listeners);
    const entry = { listener };
    listeners.add(entry);
    return () => {
      listeners.delete(entry);
      if (listeners.size === 0 && this.#byRun.get(run) === listeners) this.#byRun.delete(run);
    };
  }

  tell(run: RunId, lines: readonly LogLine[]): void {
    for (const { listener } of this.#byRun.get(run) ?? []) listener(lines);
  }

  clear(): void {
    this.#byRun.clear();
  }
}
