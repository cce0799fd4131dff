// What is due for one launch: to ask for it, to look for its job, to end what is not wanted, to note who has left or failed.

import { unreachable } from "../../../proto/unreachable.ts";
import type { LaunchEvent } from "./event.ts";
import type { LaunchEffect, LaunchLimits, LaunchMemory, LaunchReport, Memory, Sight } from "./sight.ts";
import { isGivenUp, presentIn, type Launch, type LaunchStage } from "./state.ts";

export type Due = { readonly events: LaunchEvent[]; readonly effects: LaunchEffect[] };

export type Following = { readonly sight: Sight; readonly memory: Memory; readonly limits: LaunchLimits; readonly due: Due };

/** How long a launch that is over is kept, for people to see. Milliseconds. */
const keptAfterMs = 86_400_000;
/** How long workers may go on whom nobody knows. Milliseconds. */
const strangersMsMax = 120_000;
/** A job that the service doesn't know any more, after it did, or for so long. Milliseconds. */
const unknownMsMax = 600_000;

export function followLaunch(launch: Launch, following: Following): void {
  const { stage } = launch;
  const memory = memoryOf(launch, following);
  endExtras(launch, following);
  switch (stage.kind) {
    case "planned":
      return followPlanned(launch, stage, following);
    case "uncertain":
      return followUncertain(launch, memory, following);
    case "submitted":
      return followSubmitted(launch, stage.job, { ...following, own: memory });
    case "over":
      if (following.sight.nowMs - stage.atMs >= keptAfterMs && launch.extraJobs.size === 0)
        following.due.effects.push({ kind: "forget", launch: launch.id });
      return;
    default:
      return unreachable(stage);
  }
}

function memoryOf({ id, stage }: Launch, { memory, sight }: Following): LaunchMemory {
  const known = memory.launches.get(id);
  if (known?.stage === stage.kind) return known;
  const { monotonicMs } = sight;
  const unseen = { failedSinceMs: null, silentSinceMs: null, pendingSinceMs: null, strangersSinceMs: null };
  const fresh = { stage: stage.kind, sinceMs: monotonicMs, ...unseen, ended: 0, extrasLooked: false };
  memory.launches.set(id, fresh);
  return fresh;
}

function endExtras({ id, extraJobs }: Launch, { due }: Following): void {
  const why = "the same launch is another job";
  for (const job of extraJobs) due.effects.push({ kind: "end", launch: id, job, indexes: null, isExtra: true, why });
}

function followPlanned(launch: Launch, { notBeforeMs }: Extract<LaunchStage, { kind: "planned" }>, { sight, due }: Following): void {
  const { nowMs: atMs, asking } = sight;
  if (asking.has(launch.id)) return;
  if (launch.givenUp === "all") due.events.push({ kind: "launchOver", atMs, launch: launch.id, end: { kind: "unneeded" } });
  else if (atMs >= notBeforeMs) due.effects.push({ kind: "launch", launch: launch.id });
}

function followUncertain({ id: launch }: Launch, { sinceMs }: LaunchMemory, { sight, limits, due }: Following): void {
  const { nowMs: atMs, searches } = sight;
  const search = searches.get(launch);
  if (search === undefined || search.askedAtMs < sinceMs) return void due.effects.push({ kind: "find", launch });
  const [first, ...others] = search.jobs.toSorted((a, b) => Number(a.over) - Number(b.over));
  if (first !== undefined) {
    due.events.push({ kind: "launchSubmitted", atMs, launch, job: first.job, knownBy: "name" });
    const jobs = others.filter(({ over }) => !over).map(({ job }) => job);
    if (jobs.length > 0) due.events.push({ kind: "extraJobsFound", atMs, launch, jobs });
  } else if (search.askedAtMs >= sinceMs + limits.lagMs) due.events.push({ kind: "launchOver", atMs, launch, end: { kind: "neverCame" } });
  else due.effects.push({ kind: "find", launch });
}

type FollowingSubmitted = Following & { readonly own: LaunchMemory };

function followSubmitted(launch: Launch, job: string, following: FollowingSubmitted): void {
  const { sight, due } = following;
  due.effects.push({ kind: "describe", launch: launch.id, job });
  lookForExtras(launch, job, following);
  noteLeavers(launch, following);
  endGivenUp(launch, job, following);
  const report = sight.reports.get(launch.id);
  // One that is older than this stage may be of another moment.
  if (report === undefined || report.askedAtMs < following.own.sinceMs) return;
  if (report.job === null) return noteUnknown(launch, following);
  noteFailures(launch, report.job, following);
  noteSilence(launch, report.job, following);
  reapStrangers(launch, job, { ...following, report: report.job });
  if (report.job.ended >= launch.count && following.own.extrasLooked && !isConnected(launch, following))
    due.events.push({ kind: "launchOver", atMs: sight.nowMs, launch: launch.id, end: { kind: "ended" } });
}

/** Once, when all that there is must show: asking may have been repeated on the way. */
function lookForExtras({ id: launch, extraJobs }: Launch, own: string, { sight, limits, own: memory, due }: FollowingSubmitted): void {
  if (memory.extrasLooked) return;
  const search = sight.searches.get(launch);
  const showsAtMs = memory.sinceMs + limits.lagMs;
  if (search === undefined || search.askedAtMs < showsAtMs) {
    if (sight.monotonicMs >= showsAtMs) due.effects.push({ kind: "find", launch });
    return;
  }
  memory.extrasLooked = true;
  const jobs = search.jobs.filter(({ job, over }) => job !== own && !over && !extraJobs.has(job)).map(({ job }) => job);
  if (jobs.length > 0) due.events.push({ kind: "extraJobsFound", atMs: sight.nowMs, launch, jobs });
}

function noteLeavers(launch: Launch, { sight, memory, limits, due }: FollowingSubmitted): void {
  const failed = new Set(sight.reports.get(launch.id)?.job?.failures.map(({ index }) => index));
  for (const [index, { worker, leftAtMs }] of launch.workers) {
    if (leftAtMs !== null) continue;
    const connected = sight.connected.get(worker);
    if (connected !== undefined) {
      memory.awaySinceMs.delete(worker);
      if (connected.isDraining) memory.draining.add(worker);
      continue;
    }
    const awaySinceMs = memory.awaySinceMs.get(worker) ?? sight.monotonicMs;
    memory.awaySinceMs.set(worker, awaySinceMs);
    const why = memory.draining.has(worker) ? "drained" : failed.has(index) ? "failed" : "away";
    if (why === "away" && sight.monotonicMs - awaySinceMs < limits.leftAfterMs) continue;
    memory.awaySinceMs.delete(worker);
    memory.draining.delete(worker);
    due.events.push({ kind: "workerLeft", atMs: sight.nowMs, launch: launch.id, index, why });
  }
}

/** Told to the service once by each process; whatever of it was lost is an orphan for a short time only. */
function endGivenUp(launch: Launch, job: string, { own, due }: FollowingSubmitted): void {
  if (launch.givenUp === "none") return;
  const indexes = Array.from({ length: launch.count }, (_, index) => index).filter(
    (index) => !launch.workers.has(index) && isGivenUp(launch, index),
  );
  if (indexes.length === 0 || own.ended >= indexes.length) return;
  const whole = indexes.length === launch.count;
  const why = "not needed any more";
  due.effects.push({ kind: "end", launch: launch.id, job, indexes: whole ? null : indexes, isExtra: false, why });
}

type Job = NonNullable<LaunchReport["job"]>;

/** What has ended and never came. Who came and is away just now has ended, or comes back. */
function failedOf(launch: Launch, { ended }: Pick<Job, "ended">, connected: Sight["connected"]): number {
  let away = 0;
  for (const { worker, leftAtMs } of launch.workers.values()) if (leftAtMs !== null || !connected.has(worker)) away += 1;
  return Math.max(0, ended - away);
}

function noteFailures(launch: Launch, job: Job, { sight, limits, own, due }: FollowingSubmitted): void {
  if (launch.givenUp === "all") return;
  const count = failedOf(launch, job, sight.connected) - launch.failed;
  if (count <= 0) {
    own.failedSinceMs = null;
    return;
  }
  own.failedSinceMs ??= sight.monotonicMs;
  const failure = job.failures.find(({ index }) => !launch.workers.has(index) && !isGivenUp(launch, index));
  // Who has just ended may still seem to be connected.
  if (failure === undefined && sight.monotonicMs - own.failedSinceMs < limits.leftAfterMs) return;
  const { kind: problem, reason } = failure ?? { kind: "ended", reason: "its workers ended without reaching this coordinator" };
  due.events.push({ kind: "workersFailed", atMs: sight.nowMs, launch: launch.id, count, problem, reason });
}

function noteSilence(launch: Launch, job: Job, following: FollowingSubmitted): void {
  const { sight, limits, own } = following;
  const pending = pendingOf(launch, sight);
  const { monotonicMs } = sight;
  own.pendingSinceMs = pending > 0 ? (own.pendingSinceMs ?? monotonicMs) : null;
  own.silentSinceMs = pending > 0 && job.running > presentIn(launch) ? (own.silentSinceMs ?? monotonicMs) : null;
  const sinceLastMs = Math.max(0, sight.nowMs - launch.lastClaimAtMs);
  const isLong = (sinceMs: number | null, ms: number): boolean => sinceMs !== null && monotonicMs - sinceMs >= ms && sinceLastMs >= ms;
  if (isLong(own.silentSinceMs, limits.silentMs)) {
    giveUpAll(launch, following, `its workers have run for ${secondsText(limits.silentMs)} and do not reach this coordinator`);
  } else if (isLong(own.pendingSinceMs, limits.waitingMsMax)) {
    const words = job.waitsFor === null ? "" : `: ${job.waitsFor}`;
    giveUpAll(launch, following, `none of its workers has come for ${secondsText(limits.waitingMsMax)}${words}`);
  }
}

function giveUpAll({ id: launch }: Launch, { sight, due }: Following, why: string): void {
  due.events.push({ kind: "workersGivenUp", atMs: sight.nowMs, launch, indexes: null, why, isTrouble: true });
}

function secondsText(ms: number): string {
  return `${Math.round(ms / 1000)} s`;
}

/** Who is neither there nor expected ends by itself when it finds nobody; in case it doesn't, the whole job is ended. */
function reapStrangers(launch: Launch, job: string, { sight, own, due, report }: FollowingSubmitted & { readonly report: Job }): void {
  const active = report.ended < launch.count;
  const expected = launch.givenUp !== "all" && pendingOf(launch, sight) > 0;
  if (!active || expected || presentIn(launch) > 0) {
    own.strangersSinceMs = null;
    return;
  }
  own.strangersSinceMs ??= sight.monotonicMs;
  if (sight.monotonicMs - own.strangersSinceMs < strangersMsMax) return;
  own.strangersSinceMs = sight.monotonicMs;
  const why = "none of its workers is there, or expected";
  if (launch.givenUp !== "all")
    due.events.push({ kind: "workersGivenUp", atMs: sight.nowMs, launch: launch.id, indexes: null, why, isTrouble: false });
  due.effects.push({ kind: "end", launch: launch.id, job, indexes: null, isExtra: false, why });
}

function noteUnknown(launch: Launch, { sight, own, due, limits }: FollowingSubmitted): void {
  if (presentIn(launch) > 0 || sight.monotonicMs - own.sinceMs < Math.max(limits.lagMs, unknownMsMax)) return;
  due.events.push({ kind: "launchOver", atMs: sight.nowMs, launch: launch.id, end: { kind: "forgotten" } });
}

function isConnected(launch: Launch, { sight }: Following): boolean {
  for (const { worker } of launch.workers.values()) if (sight.connected.has(worker)) return true;
  return false;
}

/** Workers that were asked for and may still come, by what is known. */
export function pendingOf(launch: Launch, { reports, connected }: Pick<Sight, "reports" | "connected">): number {
  const { stage, count, workers, givenUp } = launch;
  switch (stage.kind) {
    case "over":
      return 0;
    case "planned":
    case "uncertain":
    case "submitted": {
      if (givenUp === "all") return 0;
      const job = reports.get(launch.id)?.job ?? null;
      const failed = job === null ? launch.failed : Math.max(launch.failed, failedOf(launch, job, connected));
      const without = givenUp === "none" ? 0 : [...givenUp].filter((index) => !workers.has(index)).length;
      return Math.max(0, count - workers.size - Math.max(failed, without));
    }
    default:
      return unreachable(stage);
  }
}
