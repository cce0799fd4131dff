// Launching from a seed: the real core, a service and a coordinator that fail, and what must hold whatever they do. A seed that
// fails is played again with SEED.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { LaunchLimits } from "../../coordinator/core/launching/sight.ts";
import { Random } from "../simulation/random.ts";
import { ImaginedCoordinator, type Imagined } from "./imagined-coordinator.ts";
import { ImaginedService, lagSeconds, noFaults, type ImaginedWorker } from "./imagined-service.ts";

const limits: LaunchLimits = {
  workersMax: 12,
  workersPerRunMax: 12,
  workersMin: 0,
  usdPerDayMax: Number.POSITIVE_INFINITY,
  windowMs: 3000,
  idleMs: 20_000,
  leftAfterMs: 15_000,
  silentMs: 120_000,
  waitingMsMax: 200_000,
  backoffMs: 5000,
  backoffMsMax: 60_000,
  countMax: 8,
  lagMs: lagSeconds * 1000,
};
const orphanSeconds = 90;
const troubledSeconds = 600;
const schedules = 120;

class World {
  readonly service: ImaginedService;
  readonly coordinator: ImaginedCoordinator;
  readonly imagined: Imagined;
  ready: number[] = [];
  done = 0;
  readonly #random: Random;

  constructor(seed: number, usdPerDayMax = Number.POSITIVE_INFINITY) {
    this.#random = new Random(seed);
    const share = (most: number): number => (this.#random.chance(0.5) ? 0 : this.#random.next() * most);
    this.service = new ImaginedService(this.#random, {
      throttled: share(0.5),
      unavailable: share(0.5),
      refused: share(0.2),
      ambiguous: share(0.5),
      doubled: share(0.5),
      neverStarts: share(0.3),
      diesBeforeItComes: share(0.5),
      hostLost: share(0.02),
    });
    this.imagined = { random: this.#random, service: this.service, limits: { ...limits, usdPerDayMax }, deadly: share(0.05) };
    this.coordinator = new ImaginedCoordinator(this.imagined);
  }

  get unfinished(): number {
    return this.ready.length + this.service.live().reduce((sum, { tasks }) => sum + tasks.length, 0);
  }

  pass(second: number): void {
    if (second < troubledSeconds / 2 && this.#random.chance(0.05))
      for (let i = this.#random.below(20); i > 0; i--) this.ready.push(1 + this.#random.below(30));
    for (const { tasks } of this.service.pass(second)) this.ready.push(...tasks);
    this.coordinator.pass(second, this.unfinished);
    for (const worker of this.service.live()) this.#work(worker, second);
  }

  #work(worker: ImaginedWorker, second: number): void {
    if (worker.stage !== "running") return;
    worker.alone = worker.connection === "none" ? worker.alone + 1 : 0;
    if (worker.alone > orphanSeconds) worker.stage = "succeeded";
    if (worker.tasks.length > 0) worker.idleSince = second;
    const left = worker.tasks.map((seconds) => seconds - 1).filter((seconds) => seconds > 0);
    this.done += worker.tasks.length - left.length;
    worker.tasks = left;
    while (worker.connection === "in" && worker.tasks.length < 2 && this.ready.length > 0) worker.tasks.push(this.ready.shift() ?? 0);
    if (worker.connection === "draining" && worker.tasks.length === 0) {
      worker.stage = "succeeded";
      worker.connection = "none";
    }
  }

  /** Faults stop, and everything must come to its end. */
  settle(): void {
    this.service.faults = noFaults;
    this.imagined.deadly = 0;
    const until = troubledSeconds + 3000;
    let second = troubledSeconds;
    for (; second < until && !this.isSettled; second++) this.pass(second);
    assert.deepEqual([this.unfinished, this.service.live().length, this.open], [0, 0, 0], `not settled after ${second} seconds`);
  }

  get open(): number {
    return [...this.coordinator.state.launches.values()].filter(({ stage, extraJobs }) => stage.kind !== "over" || extraJobs.size > 0)
      .length;
  }

  get isSettled(): boolean {
    return this.unfinished === 0 && this.service.live().length === 0 && this.open === 0;
  }
}

function play(seed: number, usdPerDayMax?: number): World {
  const world = new World(seed, usdPerDayMax);
  for (let second = 0; second < troubledSeconds; second++) world.pass(second);
  return world;
}

const only = process.env["SEED"];
const seeds = only === undefined ? Array.from({ length: schedules }, (_, i) => i + 1) : [Number(only)];

test("whatever the service and the coordinator lose: all tasks are done, no worker is doubled, no job is left", () => {
  let [deaths, plans, jobs, tasks] = [0, 0, 0, 0];
  for (const seed of seeds) {
    try {
      const world = play(seed);
      world.settle();
      deaths += world.coordinator.deaths;
      plans += world.coordinator.plans;
      jobs += world.service.jobs.size;
      tasks += world.done;
    } catch (error) {
      throw new Error(`SEED=${seed}`, { cause: error });
    }
  }
  if (only === undefined) assert.ok(deaths > 100 && plans > 500 && jobs > 500 && tasks > 10_000, `${deaths} ${plans} ${jobs} ${tasks}`);
});

test("the budget of a day is not exceeded by launching: what runs ends, and no worker is left over", () => {
  let paused = 0;
  for (const seed of seeds.slice(0, 60)) {
    try {
      const usdPerDayMax = 0.5 + (seed % 10) / 5;
      const world = play(seed, usdPerDayMax);
      // For as long as the day is not over, nothing is launched once it is spent.
      const before = world.coordinator.plans;
      world.service.faults = noFaults;
      for (let second = troubledSeconds; second < troubledSeconds + 400; second++) world.pass(second);
      if (world.unfinished > 0 && world.coordinator.plans === before) {
        paused += 1;
        assert.equal(world.service.live().filter(({ stage }) => stage === "running").length, 0);
      }
    } catch (error) {
      throw new Error(`SEED=${seed}`, { cause: error });
    }
  }
  if (only === undefined) assert.ok(paused > 10, `${paused} of the schedules came to the end of their budget`);
});
