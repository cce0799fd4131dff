// Asks the service that launches workers, and keeps what it said last.
//
// A1. Of one launch one thing is asked at a time, and one that was just answered is left alone for a while.

import { launchVariables, type LaunchId } from "../../../proto/launch.ts";
import { unreachable } from "../../../proto/unreachable.ts";
import { ControlError } from "../../../proto/control.ts";
import type { LaunchEvent } from "../../core/launching/event.ts";
import type { LaunchEffect, LaunchReport, Search } from "../../core/launching/sight.ts";
import type { Launch } from "../../core/launching/state.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Ending, JobReport, LaunchAnswer } from "../../ports/launcher.ts";
import type { LaunchTokens } from "../../api/access/launch-tokens.ts";
import { errorField, type CoordinatorLog } from "../log.ts";
import { environmentOf } from "./environment.ts";
import type { LaunchingTerms } from "./launching.ts";

type Ports = {
  readonly terms: LaunchingTerms;
  readonly tokens: LaunchTokens;
  readonly clock: Clock;
  readonly log: CoordinatorLog;
  readonly launchOf: (id: LaunchId) => Launch | undefined;
  readonly keep: (decide: () => readonly LaunchEvent[]) => Promise<void>;
  /** So many of the launch's workers have been ended. */
  readonly ended: (id: LaunchId, count: number) => void;
};

type Effect<Kind extends LaunchEffect["kind"]> = Extract<LaunchEffect, { kind: Kind }>;

/** Between two looks at the jobs, and between two searches by name. Milliseconds. */
const describeEveryMs = 5000;
const findEveryMs = 5000;
/** After the service could not be asked. Milliseconds. */
const againMs = 5000;
const postponedMs = 2000;
const postponedMsMax = 60_000;

export class LaunchAsking {
  readonly #ports: Ports;
  readonly #reports = new Map<LaunchId, LaunchReport>();
  readonly #jobs = new Map<LaunchId, JobReport>();
  readonly #searches = new Map<LaunchId, Search>();
  readonly #launching = new Set<LaunchId>();
  /** By what is asked: not before then, on the monotonic clock; infinity while it is asked. */
  readonly #notBeforeMs = new Map<string, number>();
  readonly #open = new Set<Promise<void>>();
  #toDescribe: Effect<"describe">[] = [];
  #toFind: LaunchId[] = [];

  constructor(ports: Ports) {
    this.#ports = ports;
  }

  seen(): {
    readonly reports: ReadonlyMap<LaunchId, LaunchReport>;
    readonly searches: ReadonlyMap<LaunchId, Search>;
    readonly asking: ReadonlySet<LaunchId>;
  } {
    return { reports: this.#reports, searches: this.#searches, asking: this.#launching };
  }

  jobReport(id: LaunchId): JobReport | null {
    return this.#jobs.get(id) ?? null;
  }

  /** Returns at once. What fails is wanted again by the next decision. */
  perform(effect: Exclude<LaunchEffect, { kind: "drain" | "forget" }>): void {
    switch (effect.kind) {
      case "launch":
        if (this.#launching.has(effect.launch)) return;
        this.#launching.add(effect.launch);
        return this.#run(this.#launch(effect.launch).finally(() => this.#launching.delete(effect.launch)));
      case "find":
        return this.#together(this.#toFind, effect.launch, () => this.#findAll());
      case "describe":
        return this.#together(this.#toDescribe, effect, () => this.#describeAll());
      case "end":
        return this.#once(`end ${effect.job}`, againMs, () => this.#end(effect));
      default:
        return unreachable(effect);
    }
  }

  /** @throws ControlError unavailable */
  async endWhole(job: string, why: string): Promise<void> {
    try {
      await this.#ports.terms.launcher.end([{ job, indexes: null }], why);
    } catch (error) {
      throw new ControlError("unavailable", `the job ${job} could not be ended: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  forget(id: LaunchId): void {
    for (const map of [this.#reports, this.#jobs, this.#searches]) map.delete(id);
  }

  async idle(): Promise<void> {
    await Promise.all(this.#open);
  }

  #run(work: Promise<void>): void {
    const open = work
      .catch((error: unknown) =>
        this.#ports.log.warn({ event: "launch.service", err: errorField(error) }, "the launching service cannot be asked"),
      )
      .finally(() => this.#open.delete(open));
    this.#open.add(open);
  }

  /** A1 */
  #once(what: string, everyMs: number, ask: () => Promise<void>): void {
    const { clock } = this.#ports;
    if (clock.monotonicMs() < (this.#notBeforeMs.get(what) ?? 0)) return;
    this.#notBeforeMs.set(what, Number.POSITIVE_INFINITY);
    this.#run(ask().finally(() => this.#notBeforeMs.set(what, clock.monotonicMs() + everyMs)));
  }

  /** All that one decision asks for is asked with one call. */
  #together<T>(list: T[], one: T, ask: () => void): void {
    list.push(one);
    if (list.length === 1) queueMicrotask(ask);
  }

  #findAll(): void {
    const launches = this.#toFind;
    this.#toFind = [];
    this.#once("find", findEveryMs, async () => {
      const askedAtMs = this.#ports.clock.monotonicMs();
      const found = await this.#ports.terms.launcher.find(launches);
      for (const launch of launches) this.#searches.set(launch, { askedAtMs, jobs: found.filter((job) => job.launch === launch) });
    });
  }

  #describeAll(): void {
    const wanted = this.#toDescribe;
    this.#toDescribe = [];
    this.#once("describe", describeEveryMs, async () => {
      const askedAtMs = this.#ports.clock.monotonicMs();
      const reports = await this.#ports.terms.launcher.describe(wanted.map(({ job }) => job));
      for (const [i, { launch }] of wanted.entries()) {
        const report = reports[i] ?? null;
        this.#reports.set(launch, { askedAtMs, job: report === null ? null : seenOf(report) });
        if (report !== null) this.#jobs.set(launch, report);
      }
    });
  }

  async #end({ launch, job, indexes, isExtra, why }: Effect<"end">): Promise<void> {
    const { terms, keep, clock, ended } = this.#ports;
    const ending: Ending = { job, indexes };
    await terms.launcher.end([ending], why);
    if (isExtra) await keep(() => [{ kind: "extraJobsEnded", atMs: clock.nowMs(), launch, jobs: [job] }]);
    else ended(launch, indexes?.length ?? Number.POSITIVE_INFINITY);
  }

  async #launch(id: LaunchId): Promise<void> {
    const { terms, tokens, launchOf, keep } = this.#ports;
    const launch = launchOf(id);
    if (launch === undefined) return;
    const { shape, count } = launch;
    const size = terms.launcher.sizeOf(shape);
    // Another one each time: what was not accepted has its token nowhere.
    tokens.revoke(id);
    const token = tokens.create(id);
    const environment = {
      ...terms.environment,
      ...(size !== null && environmentOf(shape, size)),
      [launchVariables.launch]: id,
      ...(token !== null && { [launchVariables.token]: token }),
    };
    const answer = await terms.launcher.launch({ launch: id, shape, count, environment });
    await keep(() => this.#answered(launch, answer));
  }

  #answered(launch: Launch, answer: LaunchAnswer): readonly LaunchEvent[] {
    const of = { atMs: this.#ports.clock.nowMs(), launch: launch.id };
    const { stage } = launch;
    switch (answer.kind) {
      case "launched":
        if (stage.kind === "planned") return [{ kind: "launchSubmitted", ...of, job: answer.job, knownBy: "answer" }];
        return stage.kind === "submitted" && stage.job === answer.job ? [] : [{ kind: "extraJobsFound", ...of, jobs: [answer.job] }];
      case "throttled":
      case "unavailable": {
        if (stage.kind !== "planned") return [];
        const untilMs = of.atMs + Math.min(postponedMsMax, postponedMs * 2 ** stage.postponed);
        return [{ kind: "launchPostponed", ...of, problem: answer.kind, reason: answer.reason, untilMs }];
      }
      case "refused":
        return stage.kind === "planned" ? [{ kind: "launchOver", ...of, end: { kind: "refused", reason: answer.reason } }] : [];
      case "ambiguous":
        return stage.kind === "planned" ? [{ kind: "launchUncertain", ...of, reason: answer.reason }] : [];
      default:
        return unreachable(answer);
    }
  }
}

function seenOf({ stages, waitsFor, failures }: JobReport): LaunchReport["job"] {
  const { waiting, starting, running, succeeded, failed } = stages;
  return { waiting, starting, running, ended: succeeded + failed, waitsFor, failures };
}
