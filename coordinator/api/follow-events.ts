// A run's events as a reader asks for them: the past from the ledger, then what comes, until the run has finished.
//
// It fails where this coordinator had to let go of the run, or its process has died: nothing would come any more.
// Every event is yielded once, in order: whatever the source, one that doesn't follow the last one is passed over or read again.

import type { Until } from "../../proto/control.ts";
import type { RecordedEvent } from "../../proto/event.ts";
import type { RunId } from "../../proto/ids.ts";
import type { Clock } from "../ports/clock.ts";
import type { Ledger } from "../ports/ledger.ts";
import type { Drivers } from "../shell/drivers.ts";
import type { RunDriver } from "../shell/run-driver.ts";
import type { RunHistory } from "../shell/run-history.ts";
import { Elsewhere } from "./elsewhere.ts";

export type FollowPorts = { readonly ledger: Ledger; readonly clock: Clock; readonly drivers: Drivers; readonly history: RunHistory };

/** Events that wait for a reader before it is sent back to the ledger. */
const waitingMax = 20_000;

/** What a driver appends, kept for one reader until it takes it. */
class EventFeed {
  #waiting: RecordedEvent[] = [];
  #wake: (() => void) | null = null;
  readonly #stop: () => void;
  readonly #driver: RunDriver;
  readonly #until: Until | undefined;
  readonly #left = (): void => this.#wake?.();

  constructor(driver: RunDriver, until: Until | undefined) {
    this.#driver = driver;
    this.#until = until;
    until?.addEventListener("abort", this.#left);
    this.#stop = driver.follow((events) => {
      // A reader that is too slow to keep up finds a gap, and reads again.
      if (this.#waiting.length > waitingMax) this.#waiting = [];
      for (const event of events) this.#waiting.push(event);
      this.#wake?.();
    });
  }

  /** What has come since; null once nothing will come any more, or nobody reads any more. */
  async take(): Promise<readonly RecordedEvent[] | null> {
    if (this.#waiting.length === 0 && !this.#isOver) await new Promise<void>((resolve) => (this.#wake = resolve));
    this.#wake = null;
    const events = this.#waiting;
    this.#waiting = [];
    return events.length === 0 && this.#isOver ? null : events;
  }

  close(): void {
    this.#stop();
    this.#until?.removeEventListener("abort", this.#left);
  }

  get #isOver(): boolean {
    return this.#driver.ended || this.#until?.aborted === true;
  }
}

export type Following = {
  readonly afterSeq: number;
  /** Nobody reads any more: what waits for the next event ends. */
  readonly until: Until | undefined;
};

export async function* followEvents(
  ports: FollowPorts,
  run: RunId,
  { afterSeq, until }: Following,
): AsyncGenerator<RecordedEvent, void, undefined> {
  let seq = afterSeq;
  const elsewhere = new Elsewhere(ports, run);
  for (;;) {
    if (until?.aborted === true) return;
    const driver = ports.drivers.get(run);
    const feed = driver === undefined ? null : new EventFeed(driver, until);
    try {
      for await (const event of ports.ledger.read(run, seq)) {
        seq = event.seq;
        yield event;
      }
      if (feed === null) {
        const state = await ports.history.read(run);
        if (state.finishedAtMs !== null && state.seq <= seq) return;
        const stopped = state.finishedAtMs === null ? ports.drivers.whyStopped(run) : undefined;
        if (stopped !== undefined) throw stopped;
        await (state.finishedAtMs === null ? elsewhere.wait() : elsewhere.pause());
        continue;
      }
      for (let events = await feed.take(); events !== null; events = await feed.take()) {
        const following: RecordedEvent[] = [];
        for (const event of events) if (event.seq === seq + following.length + 1) following.push(event);
        for (const event of following) {
          seq = event.seq;
          yield event;
        }
        if ((events.at(-1)?.seq ?? 0) > seq) break; // A gap.
      }
    } finally {
      feed?.close();
    }
  }
}
