// A coordinator that launches, imagined second by second around the real core: it keeps events durably, performs effects, and
// may die before and after each of both. What must never be is checked as it happens.

import assert from "node:assert/strict";
import { decideClaim } from "../../coordinator/core/launching/claim.ts";
import { decideLaunches, decideRecovery } from "../../coordinator/core/launching/decide.ts";
import type { LaunchEvent } from "../../coordinator/core/launching/event.ts";
import { pendingOf } from "../../coordinator/core/launching/follow.ts";
import { spentTodayUsd } from "../../coordinator/core/launching/scale.ts";
import {
  newMemory,
  type ConnectedWorker,
  type LaunchEffect,
  type LaunchLimits,
  type LaunchReport,
  type Search,
  type Sight,
} from "../../coordinator/core/launching/sight.ts";
import { applyLaunchEvent, newLaunchingState, presentIn } from "../../coordinator/core/launching/state.ts";
import { parseLaunchId, type LaunchId } from "../../proto/launch.ts";
import { shapeKey, type Shape } from "../../proto/shape.ts";
import type { Random } from "../simulation/random.ts";
import type { ImaginedService, ImaginedWorker } from "./imagined-service.ts";

export const shape: Shape = {
  cpu: 1,
  memoryMiB: 1000,
  gpu: 0,
  queue: null,
  image: null,
  platform: null,
  capacity: "spot",
  slots: 2,
  options: {},
};
const key = shapeKey(shape);
export const usdPerHour = 3.6;
const slots = 2;

/** The process has died; what it had not kept is lost. */
class Death extends Error {}

export type Imagined = {
  readonly random: Random;
  readonly service: ImaginedService;
  readonly limits: LaunchLimits;
  /** That the process dies at one of the moments at which it can. */
  deadly: number;
};

export class ImaginedCoordinator {
  /** Durable. */
  readonly events: LaunchEvent[] = [];
  plans = 0;
  deaths = 0;
  readonly #imagined: Imagined;
  #launches = 0;
  #state = newLaunchingState();
  #memory = newMemory();
  #reports = new Map<LaunchId, LaunchReport>();
  #searches = new Map<LaunchId, Search>();
  #second = 0;
  #isDead = false;

  constructor(imagined: Imagined) {
    this.#imagined = imagined;
  }

  get state() {
    return this.#state;
  }

  get pendingAndPresent(): number {
    let workers = 0;
    for (const launch of this.#state.launches.values()) workers += presentIn(launch) + pendingOf(launch, this.#sight(0));
    return workers;
  }

  /** What the coordinator does in a second. */
  pass(second: number, tasks: number): void {
    this.#second = second;
    try {
      if (this.#isDead) this.#beginAnew();
      this.#greetWorkers();
      this.#decide(tasks);
    } catch (error) {
      if (!(error instanceof Death)) throw error;
      this.#isDead = true;
      this.deaths += 1;
    }
  }

  #beginAnew(): void {
    this.#state = newLaunchingState();
    for (const event of this.events) applyLaunchEvent(this.#state, event);
    this.#memory = newMemory();
    this.#reports = new Map();
    this.#searches = new Map();
    for (const worker of this.#imagined.service.live()) if (worker.connection !== "draining") worker.connection = "none";
    this.#keep(decideRecovery(this.#state, this.#nowMs()));
    this.#isDead = false;
  }

  #mayDie(): void {
    if (this.#imagined.random.chance(this.#imagined.deadly)) throw new Death();
  }

  #keep(events: readonly LaunchEvent[]): void {
    if (events.length === 0) return;
    this.#mayDie();
    for (const event of events) {
      applyLaunchEvent(this.#state, event);
      this.events.push(event);
    }
    this.#mayDie();
  }

  #nowMs(): number {
    return this.#second * 1000;
  }

  #greetWorkers(): void {
    const { service } = this.#imagined;
    for (const worker of service.live()) {
      if (worker.stage !== "running" || worker.connection !== "none") continue;
      const decision = decideClaim(this.#state, { ...worker, launch: worker.launch, worker: worker.name }, this.#nowMs());
      if (decision.kind === "refused") {
        assert.equal(worker.tasks.length, 0, "a worker that holds tasks is refused");
        worker.stage = "succeeded";
        continue;
      }
      this.#keep(decision.events);
      worker.connection = "in";
      worker.idleSince = this.#second;
      const twins = service.live().filter((other) => other !== worker && isTwin(other, worker));
      assert.deepEqual(twins, [], "two workers have come as the same one of a launch");
    }
  }

  #sight(tasks: number): Sight {
    const connected = new Map<string, ConnectedWorker>();
    for (const worker of this.#imagined.service.live()) {
      if (worker.connection === "none") continue;
      const idleSinceMs = worker.tasks.length === 0 ? worker.idleSince * 1000 : null;
      connected.set(worker.name, { key, slots, isDraining: worker.connection === "draining", idleSinceMs });
    }
    const demand = tasks === 0 ? [] : [{ shape, key, tasks, size: { slots, usdPerHour } }];
    const times = { nowMs: this.#nowMs(), monotonicMs: this.#nowMs() };
    return { ...times, demand, connected, reports: this.#reports, searches: this.#searches, asking: new Set() };
  }

  #decide(tasks: number): void {
    const { limits } = this.#imagined;
    const sight = this.#sight(tasks);
    const before = this.pendingAndPresent;
    const { events, plans, effects, spentUsd } = decideLaunches({ state: this.#state, sight, memory: this.#memory, limits });
    this.#keep(events);
    for (const plan of plans) {
      assert.ok(before + plan.count <= limits.workersMax, `${before} workers and ${plan.count} more are too many`);
      assert.ok(spentTodayUsd(this.#state, sight.nowMs) < limits.usdPerDayMax, `$${spentUsd} are spent, and more is launched`);
      assert.ok(plan.count <= limits.countMax);
      const launch = parseLaunchId(`launch${String(this.#launches++).padStart(6, "0")}`);
      this.#keep([{ kind: "launchPlanned", atMs: sight.nowMs, launch, ...plan }]);
      this.plans += 1;
    }
    for (const effect of effects) this.#perform(effect);
  }

  #perform(effect: LaunchEffect): void {
    const { service } = this.#imagined;
    const askedAtMs = this.#nowMs();
    this.#mayDie();
    switch (effect.kind) {
      case "launch":
        return this.#launch(effect.launch);
      case "find":
        this.#searches.set(effect.launch, { askedAtMs, jobs: service.find(effect.launch, this.#second) });
        return;
      case "describe": {
        const report = service.describe(effect.job, this.#second);
        const ended = report === null ? 0 : report.stages.succeeded + report.stages.failed;
        const job = report && { ...report.stages, ended, waitsFor: report.waitsFor, failures: report.failures };
        this.#reports.set(effect.launch, { askedAtMs, job });
        return;
      }
      case "end": {
        const busy = service.end(effect.job, effect.indexes);
        assert.deepEqual(busy, [], "a worker that holds tasks was ended");
        if (effect.isExtra) this.#keep([{ kind: "extraJobsEnded", atMs: askedAtMs, launch: effect.launch, jobs: [effect.job] }]);
        else {
          const memory = this.#memory.launches.get(effect.launch);
          if (memory !== undefined) memory.ended = effect.indexes?.length ?? Number.POSITIVE_INFINITY;
        }
        return;
      }
      case "drain": {
        const worker = service.live().find(({ name }) => name === effect.worker);
        if (worker !== undefined) worker.connection = "draining";
        return;
      }
      case "forget":
        return;
    }
  }

  #launch(launch: LaunchId): void {
    const count = this.#state.launches.get(launch)?.count ?? 0;
    const atMs = this.#nowMs();
    const answer = this.#imagined.service.launch(launch, count, this.#second);
    this.#mayDie();
    switch (answer.kind) {
      case "launched":
        return this.#keep([{ kind: "launchSubmitted", atMs, launch, job: answer.job, knownBy: "answer" }]);
      case "throttled":
      case "unavailable":
        return this.#keep([{ kind: "launchPostponed", atMs, launch, problem: answer.kind, reason: answer.reason, untilMs: atMs + 2000 }]);
      case "refused":
        return this.#keep([{ kind: "launchOver", atMs, launch, end: { kind: "refused", reason: answer.reason } }]);
      case "ambiguous":
        return this.#keep([{ kind: "launchUncertain", atMs, launch, reason: answer.reason }]);
    }
  }
}

function isTwin(one: ImaginedWorker, other: ImaginedWorker): boolean {
  return one.connection !== "none" && one.launch === other.launch && one.index === other.index;
}
