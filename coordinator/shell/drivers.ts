// The runs that this coordinator drives: begins them, takes them up, and lets go of them.
//
// R1. A run is driven only under the ledger's claim, and by one driver of this process at a time.
// R2. The claim on a finished run is given back when its lines can be read by everybody: followers elsewhere wait for that.

import type { Artifacts } from "../../proto/artifact.ts";
import type { RunId } from "../../proto/ids.ts";
import type { RunEvent } from "../../proto/event.ts";
import { advance } from "../core/advance.ts";
import { initialState, type RunState, type RunSubmitted } from "../core/state.ts";
import { summaryOf } from "../core/view.ts";
import { LedgerError, type Beginning, type Created, type Owner } from "../ports/ledger.ts";
import { LeaseNumbers } from "./lease-numbers.ts";
import { errorField } from "./log.ts";
import { DriverEnded, RunDriver, type DriverFailure, type RunDriverEvents, type RunDriverPorts, type Taken } from "./run-driver.ts";
import { highestLease, type RunHistory } from "./run-history.ts";

export type DriversOptions = RunDriverPorts & {
  readonly owner: Owner;
  readonly history: RunHistory;
  /** Writes out the lines that have come. */
  readonly flushLogs: () => Promise<void>;
};

/** What the drivers leave to the dispatcher. */
export type DriversEvents = Pick<RunDriverEvents, "onReady" | "onStopWanted"> & {
  /** A run that others may have begun is driven here from now on. */
  onAdopted(driver: RunDriver): void;
  /** It is driven no longer; what it had assigned is nobody's, unless `again` says that the run will be taken up at once. */
  onEnded(driver: RunDriver, again: boolean): void;
  /** It was taken up again after a conflict: what workers have reported meanwhile was not heard. */
  onTakenUpAgain(): void;
};

/** How often a driver that met a conflict is replaced by one that has read the ledger again. */
const conflictsMax = 5;

/** Another process drives the run. */
export class OwnedElsewhere extends Error {
  override readonly name = "OwnedElsewhere";
  readonly owner: Owner;
  constructor(run: RunId, owner: Owner) {
    super(`${run} is driven by process ${owner.pid} on ${owner.host}`);
    this.owner = owner;
  }
}

export class Drivers {
  readonly #options: DriversOptions;
  readonly #events: DriversEvents;
  readonly #drivers = new Map<string, RunDriver>();
  readonly #adopting = new Map<string, Promise<RunDriver>>();
  readonly #releasing = new Set<Promise<void>>();
  readonly #conflicts = new Map<RunId, number>();
  /** Runs that were let go of before they had finished. */
  readonly #stopped = new Map<RunId, unknown>();
  #closed = false;

  constructor(options: DriversOptions, events: DriversEvents) {
    this.#options = options;
    this.#events = events;
  }

  get(run: string): RunDriver | undefined {
    return this.#drivers.get(run);
  }

  /** The run is not driven yet, but will be soon. */
  isAdopting(run: string): boolean {
    return this.#adopting.has(run);
  }

  /** Why the run is driven here no longer, although it has not finished; undefined where that is not so. */
  whyStopped(run: RunId): unknown {
    return this.#stopped.get(run);
  }

  all(): Iterable<RunDriver> {
    return this.#drivers.values();
  }

  /**
   * `events` makes the run's first events of its id. Durable when it resolves; the values of its secrets are before. A submission
   * that was there before is left to whoever drives its run.
   */
  async create(
    beginning: Omit<Beginning, "owner">,
    events: (run: RunId) => readonly [RunSubmitted, ...RunEvent[]],
    secretValues: Artifacts,
  ): Promise<Created> {
    let state: RunState | null = null;
    let first: readonly RunEvent[] = [];
    const { ledger, owner } = this.#options;
    const created = await ledger.create({ ...beginning, owner }, (id) => {
      const [submitted, ...others] = events(id);
      const made = initialState(submitted);
      for (const event of others) advance(made, event);
      state = made;
      first = [submitted, ...others];
      // Also where there are none: a submission that came to nothing may have left some under this name.
      this.#options.secrets?.put(id, secretValues);
      return { events: first, index: summaryOf(made) };
    });
    if (!created.isNew) return created;
    if (state === null) throw new Error(`the ledger made ${created.run} without asking for its events`);
    this.#options.observer.recorded(state, first);
    this.#drive({ state, leases: LeaseNumbers.ofNewRun() }).begin();
    return created;
  }

  /** Drives the run from now on, if nobody else does. @throws OwnedElsewhere, LedgerError */
  async adopt(run: RunId): Promise<void> {
    await this.act(run, () => undefined);
  }

  /** Lets `use` decide on the run, which is taken up if it isn't driven here. @throws OwnedElsewhere, LedgerError */
  async act<T>(run: RunId, use: (driver: RunDriver) => T): Promise<T> {
    for (let tries = 1; ; tries += 1) {
      const driver = this.#drivers.get(run) ?? (await this.#adopt(run));
      try {
        return use(driver);
      } catch (error) {
        // It may have finished, and ended, between its adoption and this turn.
        if (!(error instanceof DriverEnded) || tries >= 3) throw error;
      }
    }
  }

  /** Lets go of all runs: everything decided is durable then, and others may take them up. */
  async close(): Promise<void> {
    this.#closed = true;
    const drivers = [...this.#drivers.values()];
    await Promise.allSettled(drivers.map((driver) => driver.close()));
    this.#drivers.clear();
    await Promise.allSettled(drivers.map(({ run }) => this.#options.ledger.release(run, this.#options.owner)));
    await Promise.all(this.#releasing);
  }

  #adopt(run: RunId): Promise<RunDriver> {
    const known = this.#adopting.get(run);
    if (known !== undefined) return known;
    const adopting = this.#claimAndFold(run).finally(() => this.#adopting.delete(run));
    this.#adopting.set(run, adopting);
    return adopting;
  }

  async #claimAndFold(run: RunId): Promise<RunDriver> {
    const { ledger, owner, history, log } = this.#options;
    if (this.#closed) throw new LedgerError("busy", `the coordinator is closing and takes no run up`);
    await history.read(run); // A run that doesn't exist, or cannot be read, is not claimed.
    const holder = await ledger.claim(run, owner);
    if (holder.id !== owner.id) throw new OwnedElsewhere(run, holder);
    const state = await history.take(run);
    if (state.finishedAtMs === null) log.info({ event: "run.adopted", run_id: run, seq: state.seq }, "the run goes on from the ledger");
    const driver = this.#drive({ state, leases: LeaseNumbers.after(highestLease(state)) });
    // After those who asked for the run have decided on it: a finished run is let go again at once.
    setImmediate(() => {
      if (driver.ended) return;
      this.#events.onAdopted(driver);
      driver.begin();
    });
    return driver;
  }

  #drive(taken: Taken): RunDriver {
    const driver = new RunDriver(taken, this.#options, {
      onReady: (one) => this.#events.onReady(one),
      onStopWanted: (one, effect) => this.#events.onStopWanted(one, effect),
      onFinished: (one) => this.#finished(one),
      onFailed: (one, reason) => this.#failed(one, reason),
    });
    this.#drivers.set(driver.run, driver);
    this.#stopped.delete(driver.run);
    return driver;
  }

  #remove(driver: RunDriver, again: boolean): void {
    if (this.#drivers.get(driver.run) === driver) this.#drivers.delete(driver.run);
    this.#events.onEnded(driver, again);
  }

  #finished(driver: RunDriver): void {
    const { ledger, owner, history, log, flushLogs, observer } = this.#options;
    this.#remove(driver, false);
    this.#conflicts.delete(driver.run);
    history.keep(driver.state);
    // Who only changed the tags of a finished run has not finished it.
    if (driver.state.finishedAtMs !== driver.finishedBeforeMs) observer.finished(driver.state);
    // Taken up again meanwhile, it is still claimed: whoever drives it gives the claim back.
    const release = async (): Promise<void> => {
      if (!this.#drivers.has(driver.run) && !this.#adopting.has(driver.run)) await ledger.release(driver.run, owner);
    };
    // R2
    const released = flushLogs()
      .then(release, release)
      .catch((error: unknown) => {
        log.warn(
          { event: "run.release", run_id: driver.run, err: errorField(error) },
          "the claim on a finished run could not be given back",
        );
      })
      .finally(() => this.#releasing.delete(released));
    this.#releasing.add(released);
  }

  #failed(driver: RunDriver, reason: DriverFailure): void {
    const { log } = this.#options;
    const { run } = driver;
    const conflicts = (this.#conflicts.get(run) ?? 0) + 1;
    const again = reason.kind === "conflict" && conflicts <= conflictsMax && !this.#closed;
    this.#conflicts.set(run, conflicts);
    this.#remove(driver, again);
    if (reason.kind === "ledger") return this.#stop(run, reason.error);
    log.warn({ event: "run.conflict", run_id: run, conflicts }, "the ledger has other events of the run than were expected");
    if (!again) return this.#stop(run, new LedgerError("busy", `another process writes to ${run}, which is driven here`));
    this.adopt(run)
      .then(() => setImmediate(() => this.#events.onTakenUpAgain()))
      .catch((error: unknown) => this.#stop(run, error));
  }

  /** Nobody drives the run until somebody asks for it again; who follows it is told. */
  #stop(run: RunId, error: unknown): void {
    this.#stopped.set(run, error);
    this.#options.log.error({ event: "run.stopped", run_id: run, err: errorField(error) }, "the run is no longer driven");
  }
}
