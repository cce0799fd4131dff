// What is known of launches: the fold of their events, and nothing else.
//
// L1. A launch has at most one job, the first that became known: by the service's answer, by its name, or by a worker's claim.
// L2. Of one (launch, index) there is one worker, the first that claimed it; it may leave and come back.
// L3. Who was given up is never let in; a launch that is over lets nobody in.
// L4. Only `applyLaunchEvent` writes the state, in place.

import type { LaunchId } from "../../../proto/launch.ts";
import { shapeKey, type Shape } from "../../../proto/shape.ts";
import { unreachable } from "../../../proto/unreachable.ts";
import { addCost, minimumBilledMs, type Spent } from "./cost.ts";
import type { LaunchEnd, LaunchEvent } from "./event.ts";

export type LaunchingState = {
  readonly launches: Map<LaunchId, Launch>;
  /** By the key of a shape: what went wrong since a worker of that shape last came. */
  readonly troubles: Map<string, Trouble>;
  /** By what has ended. */
  readonly spent: Spent;
};

export type Trouble = { readonly count: number; readonly lastAtMs: number; readonly reason: string };

export type Launch = {
  readonly id: LaunchId;
  readonly shape: Shape;
  /** Of the shape. */
  readonly key: string;
  readonly count: number;
  readonly slots: number;
  readonly usdPerHour: number;
  readonly plannedAtMs: number;
  stage: LaunchStage;
  /** By index: those that have come. */
  readonly workers: Map<number, LaunchedWorker>;
  lastClaimAtMs: number;
  /** `all`: of those that have not come. */
  givenUp: "none" | "all" | Set<number>;
  /** Never came, by what the service says. */
  failed: number;
  readonly extraJobs: Set<string>;
};

export type LaunchStage =
  /** Nobody has been asked, or there was certainly no job: to be asked for, not before `notBeforeMs`. */
  | { readonly kind: "planned"; readonly postponed: number; readonly notBeforeMs: number; readonly reason: string | null }
  /** There may be a job. */
  | { readonly kind: "uncertain"; readonly sinceMs: number; readonly reason: string }
  | { readonly kind: "submitted"; readonly job: string; readonly sinceMs: number }
  | { readonly kind: "over"; readonly atMs: number; readonly end: LaunchEnd };

type LaunchedWorker = {
  readonly worker: string;
  /** When it last came, so that what it cost before is not counted twice. */
  cameAtMs: number;
  leftAtMs: number | null;
};

export function newLaunchingState(): LaunchingState {
  return { launches: new Map(), troubles: new Map(), spent: new Map() };
}

/** L4 */
export function applyLaunchEvent(state: LaunchingState, event: LaunchEvent): void {
  if (event.kind === "launchPlanned") return plan(state, event);
  const launch = state.launches.get(event.launch);
  if (launch === undefined) throw new Error(`${event.kind} of ${event.launch}, which was never planned`);
  switch (event.kind) {
    case "launchPostponed": {
      const postponed = launch.stage.kind === "planned" ? launch.stage.postponed + 1 : 1;
      launch.stage = { kind: "planned", postponed, notBeforeMs: event.untilMs, reason: event.reason };
      return;
    }
    case "launchUncertain":
      launch.stage = { kind: "uncertain", sinceMs: event.atMs, reason: event.reason };
      return;
    case "launchSubmitted":
      launch.stage = { kind: "submitted", job: event.job, sinceMs: event.atMs };
      return;
    case "extraJobsFound":
      for (const job of event.jobs) launch.extraJobs.add(job);
      return;
    case "extraJobsEnded":
      for (const job of event.jobs) launch.extraJobs.delete(job);
      return;
    case "workerClaimed":
      launch.workers.set(event.index, { worker: event.worker, cameAtMs: event.atMs, leftAtMs: null });
      launch.lastClaimAtMs = event.atMs;
      state.troubles.delete(launch.key);
      return;
    case "workerLeft":
      return left(state, launch, event);
    case "workersGivenUp":
      return giveUp(state, launch, event);
    case "workersFailed":
      launch.failed += event.count;
      addCost(state.spent, { fromMs: event.atMs - minimumBilledMs, toMs: event.atMs }, launch.usdPerHour * event.count);
      return trouble(state, launch.key, event);
    case "launchOver":
      return over(state, launch, event);
    default:
      return unreachable(event);
  }
}

type EventOf<Kind extends LaunchEvent["kind"]> = Extract<LaunchEvent, { kind: Kind }>;

function plan({ launches }: LaunchingState, { launch: id, shape, count, slots, usdPerHour, atMs }: EventOf<"launchPlanned">): void {
  launches.set(id, {
    id,
    shape,
    key: shapeKey(shape),
    count,
    slots,
    usdPerHour,
    plannedAtMs: atMs,
    stage: { kind: "planned", postponed: 0, notBeforeMs: atMs, reason: null },
    workers: new Map(),
    lastClaimAtMs: 0,
    givenUp: "none",
    failed: 0,
    extraJobs: new Set(),
  });
}

function left(state: LaunchingState, launch: Launch, { index, atMs }: EventOf<"workerLeft">): void {
  const worker = launch.workers.get(index);
  if (worker === undefined || worker.leftAtMs !== null) return;
  worker.leftAtMs = atMs;
  addCost(state.spent, { fromMs: worker.cameAtMs, toMs: atMs }, launch.usdPerHour);
}

function giveUp(state: LaunchingState, launch: Launch, { indexes, why, isTrouble, atMs }: EventOf<"workersGivenUp">): void {
  if (indexes === null) launch.givenUp = "all";
  else if (launch.givenUp !== "all") {
    if (launch.givenUp === "none") launch.givenUp = new Set();
    for (const index of indexes) launch.givenUp.add(index);
  }
  if (isTrouble) trouble(state, launch.key, { atMs, reason: why });
}

function over(state: LaunchingState, launch: Launch, { atMs, end }: EventOf<"launchOver">): void {
  for (const [index, { leftAtMs }] of launch.workers)
    if (leftAtMs === null) left(state, launch, { kind: "workerLeft", atMs, launch: launch.id, index, why: "over" });
  launch.stage = { kind: "over", atMs, end };
  switch (end.kind) {
    case "refused":
      return trouble(state, launch.key, { atMs, reason: end.reason });
    case "neverCame":
      return trouble(state, launch.key, { atMs, reason: "the service was asked, and has no such job" });
    case "ended":
    case "forgotten":
    case "unneeded":
      return;
    default:
      return unreachable(end);
  }
}

function trouble({ troubles }: LaunchingState, key: string, { atMs, reason }: { readonly atMs: number; readonly reason: string }): void {
  troubles.set(key, { count: (troubles.get(key)?.count ?? 0) + 1, lastAtMs: atMs, reason });
}

export function isOver({ stage }: Launch): boolean {
  return stage.kind === "over";
}

export function isGivenUp({ givenUp }: Launch, index: number): boolean {
  return givenUp === "all" || (givenUp !== "none" && givenUp.has(index));
}

/** Those that have come and not left. */
export function presentIn(launch: Launch): number {
  let present = 0;
  for (const { leftAtMs } of launch.workers.values()) if (leftAtMs === null) present += 1;
  return present;
}
