// A run's events as a reader asks for them: the past from the ledger, then what comes, until the run has finished.
//
// It fails where this coordinator had to let go of the run, or its process has died: nothing would come any more.
// Every event is yielded once, in order: whatever the source, what doesn't follow the last one is passed over or read again.

import type { Until } from "../../proto/control.ts";
import type { RecordedEvent } from "../../proto/event.ts";
import type { RunId } from "../../proto/ids.ts";
import type { Clock } from "../ports/clock.ts";
import type { Ledger } from "../ports/ledger.ts";
import type { Drivers } from "../shell/drivers.ts";
import type { RunDriver } from "../shell/run-driver.ts";
import type { RunHistory } from "../shell/run-history.ts";
import { Elsewhere } from "./elsewhere.ts";
import type { SharedEvents } from "./shared-events.ts";

export type FollowPorts = { readonly ledger: Ledger; readonly clock: Clock; readonly drivers: Drivers; readonly history: RunHistory };
type EventPorts = FollowPorts & { readonly events: SharedEvents };

/** Events that wait for a reader before it is sent back to the ledger. */
const waitingMax = 20_000;

type Group = readonly RecordedEvent[];

/** What a driver appends, kept for one reader until it takes it. */
class EventFeed {
  #waiting: Group[] = [];
  #count = 0;
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
      if (this.#count > waitingMax) this.#shift();
      if (events.length > 0) this.#waiting.push(events);
      this.#count += events.length;
      this.#wake?.();
    });
  }

  /** What has come since; null once nothing will come any more, or nobody reads any more. */
  async take(): Promise<readonly Group[] | null> {
    if (this.#waiting.length === 0 && !this.#isOver) await new Promise<void>((resolve) => (this.#wake = resolve));
    this.#wake = null;
    const groups = this.#shift();
    return groups.length === 0 && this.#isOver ? null : groups;
  }

  close(): void {
    this.#stop();
    this.#until?.removeEventListener("abort", this.#left);
  }

  #shift(): readonly Group[] {
    const groups = this.#waiting;
    this.#waiting = [];
    this.#count = 0;
    return groups;
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

/** In groups, most of which are the same for all who follow the run. */
export async function* followEvents(ports: EventPorts, run: RunId, { afterSeq, until }: Following): AsyncGenerator<Group, void, undefined> {
  let seq = afterSeq;
  const elsewhere = new Elsewhere(ports, run);
  for (;;) {
    if (until?.aborted === true) return;
    const driver = ports.drivers.get(run);
    const feed = driver === undefined ? null : new EventFeed(driver, until);
    try {
      for await (const group of ports.events.after(run, seq)) {
        seq = group.at(-1)?.seq ?? seq;
        yield group;
      }
      if (feed === null) {
        const state = await ports.history.read(run);
        if (state.finishedAtMs !== null && state.seq <= seq) return;
        const stopped = state.finishedAtMs === null ? ports.drivers.whyStopped(run) : undefined;
        if (stopped !== undefined) throw stopped;
        await (state.finishedAtMs === null ? elsewhere.wait() : elsewhere.pause());
        continue;
      }
      for (let groups = await feed.take(); groups !== null; groups = await feed.take()) {
        for (const group of groups) {
          const following = partAfter(group, seq);
          if (following.length === 0) continue;
          seq = following.at(-1)?.seq ?? seq;
          yield following;
        }
        if ((groups.at(-1)?.at(-1)?.seq ?? 0) > seq) break; // A gap.
      }
    } finally {
      feed?.close();
    }
  }
}

/** What of the group follows that event, without a gap between. Within a group there is none. */
function partAfter(group: Group, seq: number): Group {
  const skip = seq + 1 - (group[0]?.seq ?? 0);
  return skip === 0 ? group : skip < 0 ? [] : group.slice(skip);
}
