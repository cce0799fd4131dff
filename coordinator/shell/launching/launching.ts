// Launches workers for steps with `@batch`: looks every second what is needed and what there is, appends what was decided,
// performs it, and decides which worker is the one of a launch that it says it is.
//
// H1. What was decided is durable before anybody outside hears of it.
// H2. Of one launch the service is asked one thing at a time.
// H3. The token of a launch is known to its job alone, and counts no more once the launch is over.

import { randomBytes } from "node:crypto";
import { ControlError } from "../../../proto/control.ts";
import { parseLaunchId, type LaunchClaim, type LaunchId, type LaunchView } from "../../../proto/launch.ts";
import type { Shape } from "../../../proto/shape.ts";
import { decideClaim } from "../../core/launching/claim.ts";
import { decideLaunches, decideRecovery } from "../../core/launching/decide.ts";
import { demandOf } from "../../core/launching/demand.ts";
import type { LaunchEvent } from "../../core/launching/event.ts";
import type { LaunchOutlook } from "../../core/launching/outlook.ts";
import { spentTodayUsd } from "../../core/launching/scale.ts";
import {
  newMemory,
  type Demand,
  type LaunchDecision,
  type LaunchLimits,
  type LaunchPlan,
  type ShapeOutlook,
} from "../../core/launching/sight.ts";
import { applyLaunchEvent, isOver, newLaunchingState } from "../../core/launching/state.ts";
import type { Clock } from "../../ports/clock.ts";
import type { LaunchLedger } from "../../ports/launch-ledger.ts";
import type { Launcher } from "../../ports/launcher.ts";
import type { Drivers } from "../drivers.ts";
import type { LaunchTokens } from "../../api/access/launch-tokens.ts";
import { errorField, type CoordinatorLog } from "../log.ts";
import type { Workers } from "../workers.ts";
import { LaunchAsking } from "./asking.ts";
import { logLaunch } from "./launch-lines.ts";
import { viewOfLaunch } from "./launch-view.ts";
import { connectedWorkers, runDemands } from "./sighting.ts";

/** What somebody else decides of launches. */
export type LaunchingTerms = {
  readonly launcher: Launcher;
  readonly ledger: LaunchLedger;
  readonly limits: LaunchLimits;
  /** For the workers' processes: how they reach the coordinator. */
  readonly environment: Readonly<Record<string, string>>;
};

export type LaunchingOptions = {
  readonly terms: LaunchingTerms;
  readonly tokens: LaunchTokens;
  readonly clock: Clock;
  readonly log: CoordinatorLog;
  readonly workers: Workers;
  readonly drivers: Drivers;
};

/** How often it is looked what is to be done. Milliseconds. */
const lookMs = 1000;

export class Launching {
  readonly #options: LaunchingOptions;
  readonly #asking: LaunchAsking;
  #state = newLaunchingState();
  readonly #memory = newMemory();
  readonly #busyAtMs = new Map<string, number>();
  #demand: readonly Demand[] = [];
  #outlook: ReadonlyMap<string, ShapeOutlook> = new Map();
  #appending: Promise<void> = Promise.resolve();
  #looking: Promise<void> = Promise.resolve();
  #cancelLook: () => void = () => undefined;
  #closed = false;

  constructor(options: LaunchingOptions) {
    this.#options = options;
    const { terms, tokens, clock, log } = options;
    this.#asking = new LaunchAsking({
      terms,
      tokens,
      clock,
      log,
      launchOf: (id) => this.#state.launches.get(id),
      keep: (events) => this.#keep(events),
      ended: (id, count) => {
        const memory = this.#memory.launches.get(id);
        if (memory !== undefined) memory.ended = count;
      },
    });
  }

  /** Takes up what a coordinator before this one had launched. @throws LedgerError */
  async open(): Promise<void> {
    const { terms, clock } = this.#options;
    for await (const event of terms.ledger.read()) applyLaunchEvent(this.#state, event);
    await this.#keep(() => decideRecovery(this.#state, clock.nowMs()));
    this.#lookLater();
  }

  /** Durable when it resolves: null, or why the worker is not the one that it says it is. */
  async claim(claim: LaunchClaim, worker: string): Promise<string | null> {
    let objection: string | null = null;
    await this.#keep(() => {
      const decision = decideClaim(this.#state, { ...claim, worker }, this.#options.clock.nowMs());
      if (decision.kind === "accepted") return decision.events;
      objection = decision.reason;
      return [];
    });
    return objection;
  }

  views(): readonly LaunchView[] {
    return Array.from(this.#state.launches.values(), (launch) => viewOfLaunch(launch, this.#asking.jobReport(launch.id)));
  }

  /** Nothing of it is wanted any more. @throws ControlError notFound, conflict, unavailable */
  async end(id: LaunchId, by: string): Promise<void> {
    const launch = this.#state.launches.get(id);
    if (launch === undefined) throw new ControlError("notFound", `there is no launch ${id}; see stepwell batch list`);
    if (isOver(launch)) throw new ControlError("conflict", `the launch ${id} is over already`);
    const { clock, log } = this.#options;
    log.info({ event: "launch.end", launch_id: id, by }, "a launch is to end");
    const why = `ended by ${by}`;
    await this.#keep(() => [{ kind: "workersGivenUp", atMs: clock.nowMs(), launch: id, indexes: null, why, isTrouble: false }]);
    if (launch.stage.kind === "submitted") await this.#asking.endWhole(launch.stage.job, why);
  }

  /** What is on its way for tasks of the shape, and what holds it up; null where nothing is known of it. */
  outlookFor(key: string): LaunchOutlook | null {
    const outlook = this.#outlook.get(key);
    if (outlook === undefined) return null;
    const stages = { asked: 0, waiting: 0, starting: 0, running: 0 };
    let waitsFor: string | null = null;
    for (const launch of this.#state.launches.values()) {
      if (launch.key !== key || isOver(launch)) continue;
      const report = this.#asking.jobReport(launch.id);
      if (report === null) {
        stages.asked += launch.count;
        continue;
      }
      waitsFor ??= report.waitsFor;
      for (const stage of ["waiting", "starting", "running"] as const) stages[stage] += report.stages[stage];
    }
    return { ...outlook, waitsFor, stages };
  }

  figures(): { readonly pending: number; readonly present: number; readonly spentUsd: number; readonly launches: number } {
    let [pending, present] = [0, 0];
    for (const outlook of this.#outlook.values()) [pending, present] = [pending + outlook.pending, present + outlook.workers];
    const launches = [...this.#state.launches.values()].filter((launch) => !isOver(launch)).length;
    return { pending, present, spentUsd: spentTodayUsd(this.#state, this.#options.clock.nowMs()), launches };
  }

  /** What was launched goes on: the next coordinator takes it up. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelLook();
    await this.#looking;
    await this.#asking.idle();
    await this.#appending;
  }

  #lookLater(): void {
    const look = (): void => {
      this.#looking = this.#look()
        .catch((error: unknown) => {
          this.#options.log.error({ event: "launch.trouble", err: errorField(error) }, "launches cannot be looked after; trying again");
        })
        .finally(() => {
          if (!this.#closed) this.#lookLater();
        });
    };
    this.#cancelLook = this.#options.clock.after(lookMs, look, { background: true });
  }

  async #look(): Promise<void> {
    const { terms, workers, drivers } = this.#options;
    this.#demand = demandOf(runDemands(drivers), terms.limits, (shape) => this.#sizeOf(shape));
    const seen: { decision: LaunchDecision | null } = { decision: null };
    await this.#keep(() => {
      const decision = (seen.decision = this.#decide());
      return [...decision.events, ...decision.plans.map((plan) => this.#planned(plan))]; // H1
    });
    const { decision } = seen;
    if (this.#closed || decision === null) return;
    if (decision.outlook !== null) this.#outlook = decision.outlook;
    for (const effect of decision.effects) {
      if (effect.kind === "drain") this.#drain(effect.worker, effect.why);
      else if (effect.kind === "forget") await this.#forget(effect.launch);
      else this.#asking.perform(effect);
    }
    for (const id of this.#memory.draining) if (workers.get(id) === undefined && !this.#isKnown(id)) this.#memory.draining.delete(id);
  }

  #decide(): LaunchDecision {
    const { clock, workers, terms } = this.#options;
    const monotonicMs = clock.monotonicMs();
    const connected = connectedWorkers(workers, this.#busyAtMs, monotonicMs);
    const { reports, searches, asking } = this.#asking.seen();
    const sight = { nowMs: clock.nowMs(), monotonicMs, demand: this.#demand, connected, reports, searches, asking };
    return decideLaunches({ state: this.#state, sight, memory: this.#memory, limits: terms.limits });
  }

  #isKnown(worker: string): boolean {
    for (const { workers } of this.#state.launches.values())
      for (const one of workers.values()) if (one.worker === worker && one.leftAtMs === null) return true;
    return false;
  }

  #sizeOf(shape: Shape): Demand["size"] {
    return this.#options.terms.launcher.sizeOf(shape);
  }

  #planned({ shape, count, slots, usdPerHour }: LaunchPlan): LaunchEvent {
    const launch = parseLaunchId(randomBytes(8).toString("hex"));
    return { kind: "launchPlanned", atMs: this.#options.clock.nowMs(), launch, shape, count, slots, usdPerHour };
  }

  #drain(id: string, why: string): void {
    const { workers, log } = this.#options;
    const worker = workers.get(id);
    if (worker === undefined || worker.line === null || worker.draining) return;
    log.info({ event: "worker.drain", worker_id: id, by: `launching: ${why}`, within_ms: null }, "a worker is to leave");
    workers.drain(worker);
    worker.line.send({ kind: "drain" });
  }

  async #forget(id: LaunchId): Promise<void> {
    await this.#options.terms.ledger.forget([id]);
    this.#state.launches.delete(id);
    this.#memory.launches.delete(id);
    this.#asking.forget(id);
  }

  /** Decides after all that was decided before is durable, and resolves when what follows is. */
  async #keep(decide: () => readonly LaunchEvent[]): Promise<void> {
    const appended = this.#appending.then(() => this.#append(decide()));
    this.#appending = appended.catch(() => undefined);
    await appended;
  }

  async #append(events: readonly LaunchEvent[]): Promise<void> {
    const { terms, tokens, log } = this.#options;
    if (events.length === 0) return;
    await terms.ledger.append(events);
    for (const event of events) {
      applyLaunchEvent(this.#state, event);
      logLaunch(log, event);
      if (event.kind === "launchOver") tokens.revoke(event.launch); // H3
    }
  }
}
