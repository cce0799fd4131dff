// How many workers of each shape there should be: what is launched for tasks that find none, and what is sent away.
//
// Z1. A worker that holds anything is never sent away but by the budget, and then ends what it holds first.
// Z2. What is launched never makes more workers than `workersMax`, and nothing is launched once the day's budget is spent.
// Z3. After workers of a shape have failed, one is tried at a time, each after a longer wait, until one comes.

import { costToday, minimumCost, startOfNextDayMs } from "./cost.ts";
import { pendingOf, type Following } from "./follow.ts";
import type { ConnectedWorker, Demand, Holdup, LaunchPlan, ShapeOutlook } from "./sight.ts";
import { isGivenUp, presentIn, type Launch, type LaunchingState, type Trouble } from "./state.ts";

/** Of one shape. */
type Supply = {
  readonly key: string;
  readonly demand: Demand | null;
  readonly launches: Launch[];
  /** Launched ones that are connected, with their names. */
  readonly connected: (readonly [string, ConnectedWorker])[];
  /** Of all workers of the shape that are or will be there, and go on. */
  slots: number;
  /** Launched ones that are there, connected or about to be again. */
  present: number;
  pending: number;
};

export type Scaling = Following & { readonly state: LaunchingState; readonly spentUsd: number };

export type Scaled = { readonly plans: readonly LaunchPlan[]; readonly outlook: ReadonlyMap<string, ShapeOutlook> };

export function scale(scaling: Scaling): Scaled {
  const { sight, limits, spentUsd } = scaling;
  const supplies = suppliesOf(scaling);
  const outlook = new Map<string, ShapeOutlook>();
  const isSpent = spentUsd >= limits.usdPerDayMax;
  let room = limits.workersMax;
  let usdPerHour = 0;
  for (const { launches } of supplies.values())
    for (const launch of launches) {
      const workers = presentIn(launch) + pendingOf(launch, sight);
      room -= workers;
      usdPerHour += workers * launch.usdPerHour;
    }
  const plans: LaunchPlan[] = [];
  for (const supply of supplies.values()) {
    const { key, pending, present } = supply;
    const affordable = affordableOf(supply, scaling, usdPerHour);
    const wish = isSpent ? { plan: null, holdup: null } : wishOf(supply, { ...scaling, room, affordable });
    if (wish.plan !== null) {
      plans.push(wish.plan);
      room -= wish.plan.count;
      usdPerHour += wish.plan.count * wish.plan.usdPerHour;
    }
    if (isSpent) pause(supply, scaling);
    else shrink(supply, scaling);
    const isWanting = (supply.demand?.tasks ?? 0) > supply.slots;
    const holdup = isSpent && isWanting ? spentHoldup(scaling) : wish.holdup;
    outlook.set(key, { pending: pending + (wish.plan?.count ?? 0), workers: present, holdup });
  }
  return { plans, outlook };
}

export function spentTodayUsd({ launches, spent }: LaunchingState, nowMs: number): number {
  let usd = spent.get(Math.floor(nowMs / 86_400_000)) ?? 0;
  for (const { workers, usdPerHour } of launches.values())
    for (const { cameAtMs, leftAtMs } of workers.values())
      if (leftAtMs === null) usd += costToday({ fromMs: cameAtMs, toMs: nowMs }, usdPerHour);
  return usd;
}

function suppliesOf({ state, sight }: Scaling): ReadonlyMap<string, Supply> {
  const supplies = new Map<string, Supply>();
  const supplyOf = (key: string, demand: Demand | null): Supply => {
    let supply = supplies.get(key);
    if (supply === undefined) supplies.set(key, (supply = { key, demand, launches: [], connected: [], slots: 0, present: 0, pending: 0 }));
    return supply;
  };
  for (const demand of sight.demand) supplyOf(demand.key, demand);
  const launched = new Set<string>();
  for (const launch of state.launches.values()) {
    if (launch.stage.kind === "over") continue;
    const supply = supplyOf(launch.key, null);
    supply.launches.push(launch);
    const pending = pendingOf(launch, sight);
    supply.pending += pending;
    supply.slots += pending * launch.slots;
    for (const { worker, leftAtMs } of launch.workers.values()) {
      if (leftAtMs !== null) continue;
      supply.present += 1;
      launched.add(worker);
      const connected = sight.connected.get(worker);
      if (connected === undefined) supply.slots += launch.slots;
      else if (!connected.isDraining) supply.connected.push([worker, connected]);
    }
  }
  // Those that people have started themselves serve as well, and are theirs to stop.
  for (const { key, slots, isDraining } of sight.connected.values())
    if (!isDraining && supplies.has(key)) supplyOf(key, null).slots += slots;
  return supplies;
}

/** Workers that the day's budget allows, each for the least time that is paid. */
function affordableOf({ demand }: Supply, { limits, spentUsd }: Scaling, usdPerHour: number): number {
  const each = demand?.size?.usdPerHour ?? 0;
  if (each === 0 || limits.usdPerDayMax === Number.POSITIVE_INFINITY) return Number.POSITIVE_INFINITY;
  return Math.max(0, Math.floor((limits.usdPerDayMax - spentUsd - minimumCost(usdPerHour)) / minimumCost(each)));
}

type Wish = { readonly plan: LaunchPlan | null; readonly holdup: Holdup | null };

function wishOf(supply: Supply, scaling: Scaling & { readonly room: number; readonly affordable: number }): Wish {
  const { memory, sight, limits, state, room, affordable } = scaling;
  const { key, demand, slots, pending, present } = supply;
  const size = demand?.size ?? sizeOf(supply.launches);
  const shape = demand?.shape ?? supply.launches[0]?.shape;
  const tasks = demand?.tasks ?? 0;
  const known = pending + present;
  if (size === null || shape === undefined) return nothing(memory.unservedSinceMs, key, tasks > 0 ? { kind: "impossible" } : null);
  const unserved = Math.ceil((tasks - slots) / size.slots);
  const wanted = Math.max(0, unserved, known > 0 || tasks > 0 ? limits.workersMin - known : 0);
  if (wanted === 0) return nothing(memory.unservedSinceMs, key, null);
  const trouble = state.troubles.get(key);
  const untilMs = trouble === undefined ? 0 : retryAtMs(trouble, scaling);
  if (trouble !== undefined && sight.nowMs < untilMs) {
    const holdup = { kind: "backoff", untilMs, failures: trouble.count, reason: trouble.reason } as const;
    return nothing(memory.unservedSinceMs, key, holdup);
  }
  // One that is tried is waited for.
  if (trouble !== undefined && pending > 0) return nothing(memory.unservedSinceMs, key, null);
  if (affordable === 0) return nothing(memory.unservedSinceMs, key, spentHoldup(scaling));
  if (room <= 0) return nothing(memory.unservedSinceMs, key, { kind: "workersMax", max: limits.workersMax });
  const sinceMs = memory.unservedSinceMs.get(key) ?? sight.monotonicMs;
  memory.unservedSinceMs.set(key, sinceMs);
  if (sight.monotonicMs - sinceMs < limits.windowMs) return { plan: null, holdup: null };
  memory.unservedSinceMs.delete(key);
  const count = Math.min(wanted, room, affordable, limits.countMax, trouble === undefined ? wanted : 1);
  return { plan: { shape, count, slots: size.slots, usdPerHour: size.usdPerHour }, holdup: null };
}

function nothing(unservedSinceMs: Map<string, number>, key: string, holdup: Holdup | null): Wish {
  unservedSinceMs.delete(key);
  return { plan: null, holdup };
}

function sizeOf([first]: readonly Launch[]): Demand["size"] {
  return first === undefined ? null : { slots: first.slots, usdPerHour: first.usdPerHour };
}

function retryAtMs({ lastAtMs, count }: Trouble, { limits }: Pick<Scaling, "limits">): number {
  return lastAtMs + Math.min(limits.backoffMsMax, limits.backoffMs * 2 ** (count - 1));
}

function spentHoldup({ spentUsd, limits, sight }: Scaling): Holdup {
  return { kind: "budget", spentUsd, usdPerDayMax: limits.usdPerDayMax, untilMs: startOfNextDayMs(sight.nowMs) };
}

/** Z1: beyond the budget. */
function pause({ launches, connected }: Supply, { sight, due }: Scaling): void {
  const why = "the budget of the day is spent";
  for (const launch of launches)
    if (pendingOf(launch, sight) > 0)
      due.events.push({ kind: "workersGivenUp", atMs: sight.nowMs, launch: launch.id, indexes: null, why, isTrouble: false });
  for (const [worker] of connected) due.effects.push({ kind: "drain", worker, why });
}

function shrink(supply: Supply, scaling: Scaling): void {
  const { memory, sight, limits, due } = scaling;
  const { key, demand, launches, connected, pending, present } = supply;
  const each = sizeOf(launches)?.slots ?? 1;
  const beyond = Math.floor((supply.slots - (demand?.tasks ?? 0)) / each);
  let surplus = Math.min(beyond, pending + present - limits.workersMin);
  if (surplus <= 0) return void memory.surplusSinceMs.delete(key);
  const sinceMs = memory.surplusSinceMs.get(key) ?? sight.monotonicMs;
  memory.surplusSinceMs.set(key, sinceMs);
  if (sight.monotonicMs - sinceMs < limits.windowMs) return;
  // What has not come costs least to do without.
  for (const launch of launches.toReversed()) surplus -= giveUp(launch, surplus, scaling);
  const idle = connected
    .filter(([, { idleSinceMs }]) => idleSinceMs !== null && sight.monotonicMs - idleSinceMs >= limits.idleMs)
    .toSorted(([, a], [, b]) => (a.idleSinceMs ?? 0) - (b.idleSinceMs ?? 0));
  const why = `idle for ${Math.round(limits.idleMs / 1000)} s`;
  for (const [worker] of idle.slice(0, Math.max(0, surplus))) due.effects.push({ kind: "drain", worker, why });
}

/** Up to so many of the launch's workers that have not come; returns how many. */
function giveUp(launch: Launch, most: number, { sight, due }: Scaling): number {
  const pending = pendingOf(launch, sight);
  const count = Math.min(pending, most);
  if (count <= 0) return 0;
  const failed = new Set(sight.reports.get(launch.id)?.job?.failures.map(({ index }) => index));
  const open = Array.from({ length: launch.count }, (_, i) => launch.count - 1 - i).filter(
    (index) => !launch.workers.has(index) && !isGivenUp(launch, index) && !failed.has(index),
  );
  const indexes = count === pending ? null : open.slice(0, count);
  const why = "there is not enough left to do";
  due.events.push({ kind: "workersGivenUp", atMs: sight.nowMs, launch: launch.id, indexes, why, isTrouble: false });
  return count;
}
