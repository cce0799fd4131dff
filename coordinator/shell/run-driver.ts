// Drives one run: decisions go in, events go to the ledger, effects come out.
//
// D1. An effect is performed, and an acceptance told, only after the events that call for it are durable.
// D2. Decisions are taken one at a time, each on the state that includes all before it. The state may be ahead of the
//     ledger by what is being appended; where that fails, the driver stops, and state and driver are thrown away.
// D3. One append is under way at a time; what is decided meanwhile shares the next one.
// D4. Starts alone don't cause an append at once: a start that is lost with the process costs a lease number, since its
//     outcome will be refused. They precede their outcome in any case.

import type { Artifacts } from "../../proto/artifact.ts";
import type { RecordedEvent, RunEvent } from "../../proto/event.ts";
import type { RunId, TaskId } from "../../proto/ids.ts";
import type { TaskOrder } from "../../proto/order.ts";
import { unreachable } from "../../proto/unreachable.ts";
import { advance } from "../core/advance.ts";
import { decideBegin, decideRetryDue } from "../core/decide.ts";
import type { Decision, Refused } from "../core/decision.ts";
import { outstanding, type Effect } from "../core/effect.ts";
import { orderFor } from "../core/order.ts";
import { withSecrets } from "../core/secrets.ts";
import type { RunState } from "../core/state.ts";
import { summaryOf } from "../core/view.ts";
import type { Clock } from "../ports/clock.ts";
import { LedgerError, type Ledger } from "../ports/ledger.ts";
import type { SecretStore } from "../ports/secret-store.ts";
import { AppendPace } from "./append-pace.ts";
import type { Assignment } from "./assignment.ts";
import type { Backlog } from "./backlog.ts";
import type { LeaseNumbers } from "./lease-numbers.ts";
import { errorField, type CoordinatorLog } from "./log.ts";
import type { Observer } from "./observer.ts";
import { Publication } from "./publication.ts";

/** What the driver leaves to others. */
export type RunDriverEvents = {
  /** More of the run's tasks may be published. */
  onReady(driver: RunDriver): void;
  onStopWanted(driver: RunDriver, effect: Extract<Effect, { kind: "stop" }>): void;
  /** Everything is durable and nothing is left to do. The driver has ended. */
  onFinished(driver: RunDriver): void;
  /** The driver has ended before the run has; the ledger knows more, or less, than it does. */
  onFailed(driver: RunDriver, reason: DriverFailure): void;
};

export type DriverFailure = { readonly kind: "conflict" } | { readonly kind: "ledger"; readonly error: unknown };

export type RunDriverPorts = {
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly log: CoordinatorLog;
  readonly backlog: Backlog;
  readonly observer: Observer;
  readonly secrets: SecretStore | null;
};

/** How a run came to be driven here. */
export type Taken = { readonly state: RunState; readonly leases: LeaseNumbers };

/** The run is no longer driven by this driver. */
export class DriverEnded extends Error {
  override readonly name = "DriverEnded";
}

type Entry = { readonly events: readonly RunEvent[]; readonly effects: readonly Effect[]; readonly onDurable: (() => void) | null };
type Append = { readonly entries: readonly Entry[]; readonly waiters: readonly Waiter[]; readonly events: readonly RunEvent[] };
type Waiter = { readonly resolve: () => void; readonly reject: (error: Error) => void };

/** D4 */
function isWaitedFor({ events, onDurable }: Pick<Entry, "events" | "onDurable">): boolean {
  return onDurable !== null || events.some(({ kind }) => kind !== "taskStarted");
}

/** How long a start may wait for something else to share its append. Milliseconds. */
const startsWaitMs = 20;
/** Events that followers get in one group. */
const followedAtOnceMax = 500;
/** A full disk or a busy ledger is tried again. Milliseconds. */
const appendAgainMs = 1000;

export class RunDriver {
  readonly run: RunId;
  /** Read it, keep no part of it. */
  readonly state: RunState;
  readonly leases: LeaseNumbers;
  readonly assignments = new Map<TaskId, Assignment>();
  readonly publication: Publication;
  /** When the run had ended when it was taken up; null where it had not. */
  readonly finishedBeforeMs: number | null;
  readonly #ports: RunDriverPorts;
  readonly #events: RunDriverEvents;
  readonly #followers = new Set<(events: readonly RecordedEvent[]) => void>();
  readonly #timers = new Map<TaskId, () => void>();
  #pending: Entry[] = [];
  #waiters: Waiter[] = [];
  readonly #pace = new AppendPace();
  /** Sequence number of the last durable event. */
  #durableSeq: number;
  #appending = false;
  #scheduled: "no" | "soon" | "now" = "no";
  /** Of the wait until then. What waits for `soon` and is overtaken must not come back for the next one's starts. */
  #cancelScheduled: () => void = () => undefined;
  /** Read when the first order needs them. */
  #secretValues: Artifacts | null = null;
  #closing = false;
  #ended = false;

  constructor(taken: Taken, ports: RunDriverPorts, events: RunDriverEvents) {
    this.run = taken.state.submitted.run;
    this.state = taken.state;
    this.leases = taken.leases;
    this.finishedBeforeMs = taken.state.finishedAtMs;
    this.publication = new Publication(taken.state, ports.backlog);
    this.#ports = ports;
    this.#events = events;
    this.#durableSeq = taken.state.seq;
  }

  get ended(): boolean {
    return this.#ended;
  }

  get durableSeq(): number {
    return this.#durableSeq;
  }

  /** Performs what was decided before, by whomever, and not confirmed. */
  begin(): void {
    this.#perform(outstanding(this.state));
    this.#settle();
  }

  /**
   * Takes a decision that was made on the present `state`. Returns why it was refused, or null where it holds.
   * @throws DriverEnded
   */
  propose(decision: Decision, onDurable: (() => void) | null = null): Refused | null {
    if (this.#ended) throw new DriverEnded(`${this.run} is no longer driven here`);
    if (decision.kind === "refused") return decision;
    if (decision.events.length === 0 && onDurable === null) return null;
    const effects: Effect[] = [];
    for (const event of decision.events) for (const effect of advance(this.state, event)) effects.push(effect);
    this.#pending.push({ events: decision.events, effects, onDurable });
    this.#schedule(isWaitedFor({ events: decision.events, onDurable }) ? "now" : "soon");
    return null;
  }

  /** Resolves when everything decided so far is durable. @throws DriverEnded */
  settled(): Promise<void> {
    if (this.#ended) return Promise.reject(new DriverEnded(`${this.run} is no longer driven here`));
    if (this.#pending.length === 0 && !this.#appending) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject });
      this.#schedule("now");
    });
  }

  /**
   * Called with the events that have become durable, from now on: each group is one object for all followers. The last call
   * brings none. Returns the function that ends it.
   */
  follow(follower: (events: readonly RecordedEvent[]) => void): () => void {
    this.#followers.add(follower);
    return () => this.#followers.delete(follower);
  }

  /** Makes everything durable that can be, and drives no longer. */
  async close(): Promise<void> {
    this.#closing = true;
    await this.settled().finally(() => this.end());
  }

  /** What a worker gets for an attempt. A secret whose value was lost is not in it: the attempt then says so, and fails. */
  orderFor(task: TaskId, lease: number): TaskOrder {
    const order = orderFor(this.state, task, { lease });
    if (order.secrets.length === 0) return order;
    this.#secretValues ??= this.#ports.secrets?.get(this.run) ?? {};
    return withSecrets(order, this.#secretValues);
  }

  /** Drives no longer. What is not durable is forgotten. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.publication.close();
    for (const cancel of this.#timers.values()) cancel();
    this.#timers.clear();
    this.#cancelScheduled();
    for (const { reject } of this.#waiters) reject(new DriverEnded(`${this.run} is no longer driven here`));
    this.#waiters = [];
    for (const follower of this.#followers) follower([]);
    this.#followers.clear();
  }

  #schedule(when: "soon" | "now"): void {
    if (this.#appending || this.#scheduled === "now" || this.#scheduled === when) return;
    this.#scheduled = when;
    this.#cancelScheduled();
    const waitMs = when === "soon" ? startsWaitMs : this.#pace.waitMs(this.#ports.clock.monotonicMs());
    if (waitMs === 0) queueMicrotask(() => this.#scheduled === when && this.#append());
    else this.#cancelScheduled = this.#ports.clock.after(waitMs, () => this.#append());
  }

  #append(): void {
    this.#scheduled = "no";
    this.#cancelScheduled();
    if (this.#ended || this.#appending) return;
    if (this.#pending.length === 0) return this.#settle();
    const entries = this.#pending;
    const waiters = this.#waiters;
    this.#pending = [];
    this.#waiters = [];
    this.#appending = true;
    const events = entries.length === 1 && entries[0] !== undefined ? entries[0].events : entries.flatMap((entry) => entry.events);
    void this.#finishAppend({ entries, waiters, events });
  }

  async #finishAppend({ entries, waiters, events }: Append): Promise<void> {
    const beganMs = this.#ports.clock.monotonicMs();
    const failure = await this.#appendUntilDurable(events);
    this.#pace.ended(entries.filter(isWaitedFor).length, beganMs, this.#ports.clock.monotonicMs());
    this.#appending = false;
    if (this.#ended) return waiters.forEach(({ reject }) => reject(new DriverEnded(`${this.run} is no longer driven here`)));
    if (failure !== null) {
      this.#waiters.push(...waiters);
      return this.#fail(failure);
    }
    this.#becameDurable(entries, events);
    waiters.forEach(({ resolve }) => resolve());
    this.#settle();
  }

  async #appendUntilDurable(events: readonly RunEvent[]): Promise<DriverFailure | null> {
    const { ledger, log, clock } = this.#ports;
    for (let tries = 1; ; tries += 1) {
      try {
        const result = await ledger.append(this.run, this.#durableSeq, events, summaryOf(this.state));
        return result.kind === "appended" ? null : { kind: "conflict" };
      } catch (error) {
        const passing = error instanceof LedgerError && (error.problem === "full" || error.problem === "busy");
        if (!passing || this.#ended || this.#closing) return { kind: "ledger", error };
        if (tries === 1)
          log.error({ event: "ledger.append", run_id: this.run, err: errorField(error) }, "the ledger takes no events; trying again");
        await new Promise<void>((resolve) => clock.after(appendAgainMs, resolve));
      }
    }
  }

  #becameDurable(entries: readonly Entry[], events: readonly RunEvent[]): void {
    const firstSeq = this.#durableSeq + 1;
    this.#durableSeq += events.length;
    this.#ports.observer.recorded(this.state, events);
    if (this.#followers.size > 0) {
      const recorded = events.map((event, index) => ({ seq: firstSeq + index, event }));
      for (let from = 0; from < recorded.length; from += followedAtOnceMax) {
        const group = recorded.length <= followedAtOnceMax ? recorded : recorded.slice(from, from + followedAtOnceMax);
        for (const follower of this.#followers) follower(group);
      }
    }
    for (const { effects, onDurable } of entries) {
      this.#perform(effects);
      onDurable?.();
    }
  }

  #perform(effects: readonly Effect[]): void {
    for (const effect of effects) {
      switch (effect.kind) {
        case "begin":
          this.propose(decideBegin(this.state, { atMs: this.#ports.clock.nowMs() }));
          break;
        case "enqueue":
          this.#ports.observer.ready(this.state, effect.task);
          this.publication.offer(effect.task);
          break;
        case "setTimer":
          this.#setTimer(effect);
          break;
        case "stop":
          this.#events.onStopWanted(this, effect);
          break;
        case "finish":
          break; // `settle` sees it, and sees also whether something has begun again since.
        default:
          unreachable(effect);
      }
    }
  }

  #setTimer({ task, attempt, dueMs }: Extract<Effect, { kind: "setTimer" }>): void {
    this.#timers.get(task)?.();
    const cancel = this.#ports.clock.after(Math.max(0, dueMs - this.#ports.clock.nowMs()), () => {
      this.#timers.delete(task);
      // The wall clock may have been set back meanwhile; the wait itself was measured by the other one.
      const atMs = Math.max(dueMs, this.#ports.clock.nowMs());
      this.propose(decideRetryDue(this.state, { task, attempt, atMs }));
    });
    this.#timers.set(task, cancel);
  }

  #settle(): void {
    // What is being appended comes back here; until then it is not known to be durable.
    if (this.#ended || this.#appending) return;
    if (this.#pending.length > 0) return this.#schedule(this.#needsAppend() ? "now" : "soon");
    if (this.#waiters.length > 0) this.#waiters.splice(0).forEach(({ resolve }) => resolve());
    if (this.state.finishedAtMs === null) return this.#events.onReady(this);
    this.end();
    this.#events.onFinished(this);
  }

  #needsAppend(): boolean {
    return this.#waiters.length > 0 || this.#pending.some(isWaitedFor);
  }

  #fail(reason: DriverFailure): void {
    this.end();
    this.#events.onFailed(this, reason);
  }
}
